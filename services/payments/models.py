"""Tables of payments, and of the sandbox provider."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


payments = Table(
    "payments",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("order_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("customer_id", Text),
    Column("provider", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("captured", BigInteger, nullable=False, server_default="0"),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("token", Text, comment="until the outcome is known"),
    Column("email", Text),
    Column("reference", Text, index=True, comment="the provider's id"),
    Column("decline_code", Text),
    Column("client_secret", Text),
    _moment("created_at"),
    _moment("updated_at"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("payment_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text),
    Column("status", Text, nullable=False, comment="pending, succeeded, failed"),
    Column("reference", Text),
    _moment("created_at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    _moment("received_at"),
)

sandbox_charges = Table(
    "sandbox_charges",
    metadata,
    Column("id", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("captured", BigInteger, nullable=False, server_default="0"),
    Column("refunded", BigInteger, nullable=False, server_default="0"),
    Column("disputed", Boolean, nullable=False, server_default="false"),
    _moment("created_at"),
)

sandbox_requests = Table(
    "sandbox_requests",
    metadata,
    Column("key", Text, primary_key=True, comment="the idempotency key"),
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("reply", JSONB),
    _moment("created_at"),
)
