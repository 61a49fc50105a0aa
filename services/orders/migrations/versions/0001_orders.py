"""Orders as events, and the row that they add up to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create sequence order_numbers")
    op.create_table(
        "order_events",
        sa.Column("order_id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("position", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("published_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "order_events_unpublished", "order_events", ["position"], postgresql_where=sa.text("published_at is null")
    )
    op.execute(
        "create trigger wake_relay after insert on order_events for each statement execute function wake_relay()"
    )
    op.create_table(
        "orders",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("payment_id", UUID(as_uuid=False), nullable=False, unique=True),
        sa.Column("payment_token", sa.Text),
        sa.Column("saga_due", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("orders_saga_due", "orders", ["saga_due"], postgresql_where=sa.text("saga_due is not null"))


def downgrade() -> None:
    op.drop_table("orders")
    op.drop_table("order_events")
    op.execute("drop sequence order_numbers")
