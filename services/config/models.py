"""Tables of config: changed settings, their history, and changed flags."""

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()


def _changed() -> tuple[Column[object], ...]:
    return (
        Column("version", Integer, nullable=False),
        Column("author", Text),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now(), onupdate=func.now()),
    )


settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", JSONB, comment="null: the default again"),
    *_changed(),
)

setting_changes = Table(
    "setting_changes",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("value", JSONB),
    Column("author", Text),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

flags = Table(
    "flags",
    metadata,
    Column("name", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    *_changed(),
)
