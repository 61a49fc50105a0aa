"""A cart as it stands is bought once, whatever keys the commands have."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("cart", sa.Text))
    op.create_unique_constraint("orders_cart_key", "orders", ["cart"])


def downgrade() -> None:
    op.drop_column("orders", "cart")
