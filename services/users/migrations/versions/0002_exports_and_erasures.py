"""Exports and erasures of personal data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False, index=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    )
    op.create_index(
        "one_running_export", "exports", ["user_id"], unique=True, postgresql_where=sa.text("ready_at is null")
    )
    op.create_table(
        "export_parts",
        _export(),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("section", sa.Text, nullable=False),
        sa.Column("records", sa.Text, nullable=False),
    )
    op.create_table(
        "export_services",
        _export(),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("parts", sa.Integer, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("user_id", UUID(as_uuid=False), nullable=False, unique=True),
        sa.Column("email", sa.Text),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("round", sa.Integer, nullable=False, server_default="1"),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("open_erasures", "erasures", ["requested_at"], postgresql_where=sa.text("completed_at is null"))
    op.create_table(
        "erasure_replies",
        sa.Column(
            "erasure_id",
            UUID(as_uuid=False),
            sa.ForeignKey("erasures.id"),
            primary_key=True,
        ),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("round", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def _export() -> sa.Column[str]:
    key = sa.ForeignKey("exports.id", ondelete="cascade")
    return sa.Column("export_id", UUID(as_uuid=False), key, primary_key=True)


def downgrade() -> None:
    for table in ("erasure_replies", "erasures", "export_services", "export_parts", "exports"):
        op.drop_table(table)
