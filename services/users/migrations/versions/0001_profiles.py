"""Profiles and addresses; of an address book's defaults there is at most one each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("language", sa.Text),
        _moment("created_at"),
        _moment("updated_at"),
    )
    op.create_table(
        "addresses",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("user_id", UUID(as_uuid=False), sa.ForeignKey("profiles.id"), nullable=False, index=True),
        sa.Column("label", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("line1", sa.Text, nullable=False),
        sa.Column("line2", sa.Text),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("region", sa.Text),
        sa.Column("postal_code", sa.Text, nullable=False),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("is_default_shipping", sa.Boolean, nullable=False),
        sa.Column("is_default_billing", sa.Boolean, nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
    )
    for purpose in ("shipping", "billing"):
        op.create_index(
            f"one_default_{purpose}",
            "addresses",
            ["user_id"],
            unique=True,
            postgresql_where=sa.text(f"is_default_{purpose}"),
        )


def downgrade() -> None:
    op.drop_table("addresses")
    op.drop_table("profiles")
