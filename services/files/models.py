"""Tables of files: contents, files, usage by owner, scheduled removals."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData()

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", Text, primary_key=True, comment="of what was uploaded"),
    Column("prefix", Text, nullable=False, comment="where its objects are in the store; of this keeping alone"),
    Column("content_type", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("objects", JSONB, nullable=False),
    Column("refs", Integer, nullable=False),
    Column("orphaned_at", DateTime(timezone=True), comment="since when no file points to it"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

files = Table(
    "files",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("sha256", Text, ForeignKey("blobs.sha256"), nullable=False),
    Column("owner_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

usage = Table(
    "usage",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
)

removals = Table(
    "removals",
    metadata,
    Column("prefix", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("claimed", Boolean, nullable=False, server_default="false"),
)
