"""One unpaid order per cart; unpaid orders by customer and client address; orders that a person must look at."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("live_cart", "customer", "client"):
        op.add_column("orders", sa.Column(name, sa.Text))
    op.add_column("orders", sa.Column("suspended_at", sa.DateTime(timezone=True)))
    op.execute(
        """
        update orders set live_cart = newest.cart_id
        from (
            select distinct on (split_part(cart, ':', 1)) id, split_part(cart, ':', 1) as cart_id from orders
            where cart is not null and status in ('pending', 'awaiting_payment')
            order by split_part(cart, ':', 1), created_at desc
        ) as newest
        where orders.id = newest.id
        """
    )
    op.create_index("orders_live_cart", "orders", ["live_cart"], unique=True)
    for name in ("customer", "client"):
        condition = sa.text("status = 'awaiting_payment'")
        op.create_index(f"orders_unpaid_of_{name}", "orders", [name], postgresql_where=condition)
    op.execute(
        """
        create index orders_stuck on orders (created_at, id)
        where suspended_at is not null
           or (saga_due is not null and attempts >= 5 and status <> 'awaiting_payment')
        """
    )


def downgrade() -> None:
    op.execute("drop index orders_stuck")
    for name in ("live_cart", "customer", "client", "suspended_at"):
        op.drop_column("orders", name)
