"""Tables of users: profiles and addresses, exports and erasures of personal data."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import UUID

metadata = MetaData()

profiles = Table(
    "profiles",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("email", Text, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("phone", Text),
    Column("language", Text),
    Column("currency", Text),
    Column("time_zone", Text),
    Column("marketing", Boolean, nullable=False, server_default="false"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

addresses = Table(
    "addresses",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("profiles.id"), nullable=False, index=True),
    Column("label", Text),
    Column("name", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("line2", Text),
    Column("city", Text, nullable=False),
    Column("region", Text),
    Column("postal_code", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("phone", Text),
    Column("is_default_shipping", Boolean, nullable=False),
    Column("is_default_billing", Boolean, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

exports = Table(
    "exports",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), nullable=False, index=True),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ready_at", DateTime(timezone=True), comment="null: parts are missing"),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True, comment="when it is deleted"),
)

export_parts = Table(
    "export_parts",
    metadata,
    Column("export_id", UUID(as_uuid=False), ForeignKey("exports.id", ondelete="cascade"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True, comment="EXPORT:SERVICE:PART; what the records are encrypted for"),
    Column("section", Text, nullable=False),
    Column("records", Text, nullable=False, comment="JSON, encrypted"),
)

export_services = Table(
    "export_services",
    metadata,
    Column("export_id", UUID(as_uuid=False), ForeignKey("exports.id", ondelete="cascade"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("parts", Integer, nullable=False, comment="the number of parts that the service has published"),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), nullable=False, unique=True),
    Column("email", Text, comment="encrypted; null once the erasure is complete"),
    Column("email_verified", Boolean, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("round", Integer, nullable=False, server_default="1"),
    Column("completed_at", DateTime(timezone=True)),
)

erasure_replies = Table(
    "erasure_replies",
    metadata,
    Column("erasure_id", UUID(as_uuid=False), ForeignKey("erasures.id"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
