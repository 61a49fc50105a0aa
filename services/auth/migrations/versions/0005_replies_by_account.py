"""Index of stored replies by account: an erasure deletes them."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index idempotency_by_account on idempotency ((reply ->> 'id'))")


def downgrade() -> None:
    op.execute("drop index idempotency_by_account")
