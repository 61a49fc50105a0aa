"""Tables of shipping: zones, methods, rates; shipments and tracking events."""

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, ForeignKey, Identity, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()

zones = Table(
    "zones",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("countries", ARRAY(Text), nullable=False, comment="ISO 3166-1; empty: everywhere that no other covers"),
    Column("regions", ARRAY(Text), nullable=False, server_default="{}"),
)

methods = Table(
    "methods",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("carrier", Text, nullable=False),
)

rates = Table(
    "rates",
    metadata,
    Column("method", Text, ForeignKey("methods.code"), primary_key=True),
    Column("zone", Text, ForeignKey("zones.id"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("base", BigInteger, nullable=False),
    Column("per_kg", BigInteger, nullable=False, server_default="0"),
    Column("free_above", BigInteger),
    Column("max_weight_g", Integer),
    Column("days_min", Integer, nullable=False),
    Column("days_max", Integer, nullable=False),
)

shipments = Table(
    "shipments",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("order_id", UUID(as_uuid=False), nullable=False),
    Column("user_id", Text),
    Column("vendor_id", Text),
    Column("method", Text),
    Column("carrier", Text, nullable=False),
    Column("tracking_number", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("address", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

stations = Table(
    "stations",
    metadata,
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("shipment_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("location", Text),
    Column("message", Text),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
