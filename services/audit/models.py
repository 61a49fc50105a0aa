"""Tables of audit: append-only entries, checkpoints of their hash chain, and keys of persons."""

from typing import Final

from sqlalchemy import BigInteger, Column, Computed, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

ROLE: Final = "ultramarket_audit"
"""The database role of the service: select and insert only."""

metadata = MetaData()

entries = Table(
    "entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False, comment="without a gap, from 1"),
    Column("id", UUID(as_uuid=False), nullable=False, unique=True, comment="the event's"),
    Column("body", Text, nullable=False, comment="canonical JSON; what the hash covers"),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("doc", JSONB, Computed("body::jsonb", persisted=True), comment="for filters; it can't differ from the body"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False, comment="HMAC-SHA256 under a key that the database doesn't have"),
)

person_keys = Table(
    "person_keys",
    metadata,
    Column("person_id", Text, primary_key=True, comment="an account"),
    Column("key", Text, nullable=False, comment="what the person's values in entries are sealed under, encrypted"),
    Column("email_digest", Text, index=True, comment="HMAC-SHA256 of the address"),
)
