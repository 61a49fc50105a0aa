"""Contents, files, what each owner keeps, and what is to be removed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment(name: str, **facts: object) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), **facts)  # type: ignore[arg-type]


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("objects", JSONB, nullable=False),
        sa.Column("refs", sa.Integer, nullable=False),
        _moment("orphaned_at"),
        _moment("created_at", nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("refs >= 0"),
    )
    op.create_index("orphans", "blobs", ["orphaned_at"], postgresql_where=sa.text("refs = 0"))
    op.create_table(
        "files",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("sha256", sa.Text, sa.ForeignKey("blobs.sha256"), nullable=False, index=True),
        sa.Column("owner_id", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        _moment("created_at", nullable=False, server_default=sa.func.now()),
    )
    op.create_index("files_of_owner", "files", ["owner_id", sa.text("id DESC")])
    op.create_table(
        "usage",
        sa.Column("owner_id", sa.Text, primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
        sa.CheckConstraint("bytes >= 0"),
    )
    op.create_table(
        "removals",
        sa.Column("prefix", sa.Text, primary_key=True),
        _moment("due_at", nullable=False, index=True),
        sa.Column("claimed", sa.Boolean, nullable=False, server_default="false"),
    )


def downgrade() -> None:
    for table in ("removals", "usage", "files", "blobs"):
        op.drop_table(table)
