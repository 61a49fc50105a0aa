"""Tables of payments, and of the sandbox provider."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

from services.payments.columns import RefundPartsColumn, VendorSharesColumn

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
    Column("tax", BigInteger, nullable=False, server_default="0", comment="part of the amount, as is shipping"),
    Column("shipping", BigInteger, nullable=False, server_default="0"),
    Column("captured_tax", BigInteger, nullable=False, server_default="0"),
    Column("captured_shipping", BigInteger, nullable=False, server_default="0"),
    Column("refunded_tax", BigInteger, nullable=False, server_default="0"),
    Column("refunded_shipping", BigInteger, nullable=False, server_default="0"),
    Column("vendors", VendorSharesColumn, nullable=False, server_default="{}", comment="shares of the goods"),
    Column("captured_vendors", VendorSharesColumn, nullable=False, server_default="{}"),
    Column("refunded_vendors", VendorSharesColumn, nullable=False, server_default="{}"),
    Column("token", Text, comment="until the outcome is known"),
    Column("email", Text),
    Column("reference", Text, index=True, comment="the provider's id"),
    Column("decline_code", Text),
    Column("client_secret", Text),
    Column("claim", UUID(as_uuid=False), comment="of the process that works on the payment"),
    Column("claimed_until", DateTime(timezone=True)),
    Column("checked_at", DateTime(timezone=True), comment="last look at the provider's books"),
    _moment("created_at"),
    _moment("updated_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("key", Text, primary_key=True, comment="the idempotency key"),
    Column("payment_id", UUID(as_uuid=False), nullable=False),
    Column("kind", Text, nullable=False, comment="authorise, capture, void, refund"),
    Column("number", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("refund_id", UUID(as_uuid=False)),
    Column("status", Text, nullable=False, server_default="pending", comment="pending, done, refused, failed"),
    _moment("started_at"),
    Column("ended_at", DateTime(timezone=True)),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("payment_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("requested", BigInteger, comment="null: what was left"),
    Column("tax", BigInteger, nullable=False, server_default="0", comment="part of the amount, as is shipping"),
    Column("shipping", BigInteger, nullable=False, server_default="0"),
    Column("vendors", VendorSharesColumn, nullable=False, server_default="{}", comment="shares of the goods"),
    Column("parts", RefundPartsColumn, comment="of the requested amount; null: in proportion"),
    Column("origin", Text, nullable=False, server_default="person", comment="person, order, reversal, provider"),
    Column("reason", Text),
    Column("status", Text, nullable=False, comment="pending, succeeded, failed"),
    Column("reference", Text, comment="the provider's id"),
    _moment("created_at"),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("reference", Text, nullable=False, unique=True, comment="what happened, posted once"),
    Column("kind", Text, nullable=False),
    Column("payment_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("order_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
)

ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("entry_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("vendor_id", Text, comment="of vendor_payable"),
    Column("currency", Text, nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    _moment("received_at"),
    Column("body", LargeBinary, comment="as received"),
    Column("status", Text, nullable=False, server_default="processed", comment="pending, processed, given_up"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", DateTime(timezone=True)),
)

disputes = Table(
    "disputes",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("payment_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("reference", Text, nullable=False, comment="the provider's id"),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False, comment="inquiry, needs_response, under_review, won, lost"),
    Column("blocks_refunds", Boolean, nullable=False),
    Column("withdrawn", BigInteger, nullable=False, server_default="0"),
    Column("fee", BigInteger, nullable=False, server_default="0"),
    Column("movements", Integer, nullable=False, server_default="0", comment="ledger entries so far"),
    Column("evidence_due_at", DateTime(timezone=True)),
    Column("reminded_at", DateTime(timezone=True), comment="that evidence is due"),
    _moment("opened_at"),
    Column("closed_at", DateTime(timezone=True)),
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
    Column("payment_id", UUID(as_uuid=False), index=True),
    Column("captured_at", DateTime(timezone=True)),
    Column("dispute_status", Text),
    Column("dispute_amount", BigInteger),
    Column("disputed_at", DateTime(timezone=True)),
    _moment("created_at"),
)

sandbox_refunds = Table(
    "sandbox_refunds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("charge_id", Text, nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("refund_id", Text, comment="the shop's id; null when made at the bank"),
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
