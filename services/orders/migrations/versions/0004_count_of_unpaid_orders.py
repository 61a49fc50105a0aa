"""Indexes for counting unpaid orders: pending ones as well, since they hold stock too."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIELDS = ("customer", "client")


def upgrade() -> None:
    for name in FIELDS:
        op.drop_index(f"orders_unpaid_of_{name}", "orders")
        op.create_index(f"orders_unpaid_of_{name}", "orders", [name], postgresql_where=sa.text(f"{name} is not null"))


def downgrade() -> None:
    for name in FIELDS:
        op.drop_index(f"orders_unpaid_of_{name}", "orders")
        condition = sa.text("status = 'awaiting_payment'")
        op.create_index(f"orders_unpaid_of_{name}", "orders", [name], postgresql_where=condition)
