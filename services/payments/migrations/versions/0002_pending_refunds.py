"""A refund is written down before the provider is asked: one that a dead process left is found and finished."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refunds", sa.Column("status", sa.Text, nullable=False, server_default="succeeded"))
    op.create_index("pending_refunds", "refunds", ["created_at"], postgresql_where=sa.text("status = 'pending'"))


def downgrade() -> None:
    op.drop_index("pending_refunds")
    op.drop_column("refunds", "status")
