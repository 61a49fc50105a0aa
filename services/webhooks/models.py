"""The tables of webhooks: subscriptions, their secrets, deliveries, and the chains that deliveries are sent in."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()
_ID = UUID(as_uuid=False)
_MOMENT = DateTime(timezone=True)


def _subscription(**options: Any) -> Column[str]:
    return Column("subscription_id", _ID, ForeignKey("subscriptions.id", ondelete="CASCADE"), nullable=False, **options)


subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("owner_id", Text, nullable=False, index=True),
    Column("scope", Text, nullable=False, comment="shop, or vendor: what concerns the owner's own things"),
    Column("roles", ARRAY(Text), nullable=False, comment="the owner's roles: who loses them gets nothing more"),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="failed attempts in a row"),
    Column("disabled_at", _MOMENT),
    Column("disabled_reason", Text),
    Column("version", Integer, nullable=False, server_default=text("1"), comment="of URL, event types and state"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("updated_at", _MOMENT, nullable=False, server_default=func.now()),
)

secrets = Table(
    "secrets",
    metadata,
    Column("id", _ID, primary_key=True, comment="the key id that deliveries name"),
    _subscription(index=True),
    Column("secret", Text, nullable=False, comment="encrypted"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", _MOMENT, comment="null: the current one"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("position", BigInteger, Identity(), nullable=False, comment="the order of delivery in a chain"),
    _subscription(),
    Column("chain", Text, nullable=False, comment="source and subject of the event"),
    Column("event_id", _ID, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, comment="as it is sent; null: the person concerned was erased"),
    Column("user_id", _ID, comment="the person concerned"),
    Column("email", Text, comment="the address of a guest who is concerned"),
    Column("replay_of", _ID),
    Column("status", Text, nullable=False, server_default="pending", comment="pending, delivered or dropped"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("headers", JSONB, comment="of the last attempt"),
    Column("reply_status", Integer),
    Column("reply_body", Text),
    Column("reply_ms", Integer),
    Column("error", Text),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now(), index=True),
    Column("last_attempt_at", _MOMENT),
    Column("delivered_at", _MOMENT),
    Index(
        "one_delivery_per_event", "subscription_id", "event_id", unique=True, postgresql_where=text("replay_of is null")
    ),
    Index("pending_deliveries", "subscription_id", "chain", "position", postgresql_where=text("status = 'pending'")),
    Index("deliveries_of_subscription", "subscription_id", "position"),
    Index("deliveries_of_guest", "email", postgresql_where=text("email is not null")),
    Index("deliveries_of_person", "user_id", postgresql_where=text("user_id is not null")),
)

chains = Table(
    "chains",
    metadata,
    _subscription(primary_key=True),
    Column("chain", Text, primary_key=True),
    Column("due", _MOMENT, nullable=False, comment="of the next attempt; of a leased chain, the lease's end"),
    Column("lease", _ID, comment="the claim of the process that delivers; null: none does"),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", _MOMENT),
    Index("due_chains", "subscription_id", "due"),
    Index("leased_chains", "subscription_id", postgresql_where=text("lease is not null")),
)
"""A chain is what is pending of one subject for one subscription: its deliveries are sent one after the other. The row
is there while there is any.
"""
