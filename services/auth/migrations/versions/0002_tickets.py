"""Links that are mailed, and wishes for one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("user_id", UUID(as_uuid=False), sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )
    op.create_table("reset_wishes", sa.Column("email_key", sa.Text, primary_key=True))


def downgrade() -> None:
    for table in ("reset_wishes", "tickets"):
        op.drop_table(table)
