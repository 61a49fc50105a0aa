"""Tables of auth: accounts, identities, sessions and their tokens, second factors, API keys, one-time tokens."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("email", Text, nullable=False, comment="as it was written"),
    Column("email_key", Text, nullable=False, unique=True, comment="as it is compared"),
    Column("password_hash", Text, nullable=False, comment="empty: an account without a password"),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("named_at", DateTime(timezone=True), comment="when the profile last said so; null: at the registration"),
    Column("roles", ARRAY(Text), nullable=False),
    Column("email_verified", Boolean, nullable=False, server_default="false"),
    Column("status", Text, nullable=False, server_default="active", comment="active, disabled or erased"),
    Column("groups", ARRAY(Text), nullable=False, server_default="{}"),
    Column("last_login_at", DateTime(timezone=True)),
    Column("version", Integer, nullable=False, server_default="1", comment="of names, roles, status and groups"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

identities = Table(
    "identities",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("issuer", Text, nullable=False, comment="who names the subject: a provider's name may change hands"),
    Column("subject", Text, nullable=False),
    Column("provider", Text, nullable=False, comment="its name in the settings"),
    Column("email", Text, nullable=False, comment="the address at the provider when it was linked"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("user_agent", Text),
    Column("address", Text),
    Column("last_used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False, comment="its absolute end"),
    Column("second_factor_at", DateTime(timezone=True), comment="when a code was last given in it"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("session_id", UUID(as_uuid=False), ForeignKey("sessions.id"), nullable=False, index=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    Column("used_at", DateTime(timezone=True)),
    Column("used_by", Text, comment="digest of the request"),
    Column("predecessor", Text, comment="digest of the token that was exchanged for it"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("user_id", UUID(as_uuid=False), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False, comment="verify or reset"),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    Column("used_at", DateTime(timezone=True)),
)

reset_wishes = Table("reset_wishes", metadata, Column("email_key", Text, primary_key=True, comment="as it was asked"))

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", UUID(as_uuid=False), ForeignKey("accounts.id"), primary_key=True),
    Column("secret", Text, nullable=False, comment="TOTP secret, encrypted"),
    Column("confirmed_at", DateTime(timezone=True), comment="null: set up, not in use yet"),
    Column("last_step", BigInteger, nullable=False, server_default="0", comment="time step of the last code used"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", UUID(as_uuid=False), ForeignKey("accounts.id"), primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("used_at", DateTime(timezone=True)),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("prefix", Text, nullable=False, comment="the key's first characters, to recognise it by"),
    Column("name", Text, nullable=False),
    Column("created_by", UUID(as_uuid=False), ForeignKey("accounts.id"), nullable=False, index=True),
    Column("service_account", Boolean, nullable=False, server_default="false"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("requests_per_minute", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("deleted_at", DateTime(timezone=True)),
)

revocations = Table(
    "revocations",
    metadata,
    Column("session_id", UUID(as_uuid=False), primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True, comment="when its last token expires"),
    Column("published", Boolean, nullable=False, server_default="false"),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("key", Text, primary_key=True, comment="an account, an address, or both"),
    Column("failures", Integer, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False, index=True),
)

groups = Table(
    "groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1", comment="of the title"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

spending = Table(
    "spending",
    metadata,
    Column("user_id", UUID(as_uuid=False), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False, index=True, comment="minor units: paid less refunded"),
)
