"""The chassis's own tables in every PostgreSQL service's schema: outbox, inbox, idempotency."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("id", UUID(as_uuid=False), nullable=False, unique=True),
    Column("body", Text, nullable=False, comment="the CloudEvents envelope, as it is published"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

outbox_for_bridge = Table(
    "outbox_for_bridge",
    metadata,
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("body", Text, nullable=False),
    comment="published events that the bridge has not got yet: its queue was full",
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", UUID(as_uuid=False), primary_key=True),
    Column("handler", Text, primary_key=True),
    Column("handled_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("reply", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now(), index=True),
)

WAKE_THE_RELAY = """
create or replace function wake_relay() returns trigger language plpgsql as $$
begin
    perform pg_notify('outbox_' || tg_table_schema, '');
    return null;
end $$;
create or replace trigger wake_relay after insert on outbox for each statement execute function wake_relay();
"""
"""The relay is woken by the commit itself: a notification is delivered when, and only if, the transaction commits."""
