"""The customer's account of each order, to find a person's orders by."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("user_id", sa.Text))
    op.execute(
        """
        update orders set user_id = placed.body::jsonb #>> '{data,user_id}'
        from order_events placed where placed.order_id = orders.id and placed.version = 1
        """
    )
    op.create_index("orders_of_user", "orders", ["user_id"], postgresql_where=sa.text("user_id is not null"))


def downgrade() -> None:
    op.drop_index("orders_of_user", "orders")
    op.drop_column("orders", "user_id")
