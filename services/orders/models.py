"""Tables of orders: events (the source of truth, and the outbox), and one row per order with the current state."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, MetaData, Sequence, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData()

order_numbers = Sequence("order_numbers", metadata=metadata)

order_events = Table(
    "order_events",
    metadata,
    Column("order_id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("position", BigInteger, Identity(), nullable=False, comment="the order in which the relay publishes"),
    Column("body", Text, nullable=False, comment="the CloudEvents envelope, as it is published"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("published_at", DateTime(timezone=True)),
)

orders = Table(
    "orders",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("payment_id", UUID(as_uuid=False), nullable=False),
    Column("user_id", Text, comment="the customer's account; null for guests"),
    Column("cart", Text, unique=True, comment="the cart it was made of, id:version; null once that is free again"),
    Column("live_cart", Text, unique=True, comment="the cart's id while the order is neither paid nor ended"),
    Column("customer", Text, comment="the user's id or the guest's mail address, while unpaid: for limits"),
    Column("client", Text, comment="the network address that ordered, while unpaid: for limits"),
    Column("suspended_at", DateTime(timezone=True), comment="since when a person must decide"),
    Column("payment_token", Text, comment="kept until the payment is authorised or the order has ended"),
    Column("saga_due", DateTime(timezone=True), comment="when somebody must go on with the saga; null: at rest"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
