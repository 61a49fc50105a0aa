"""Identifiers: UUIDv7 (RFC 9562), so that they sort by the time they were made and indexes stay dense."""

from uuid import NAMESPACE_OID, UUID, uuid5

from uuid_utils import uuid7


def new_id() -> str:
    """A new UUIDv7 as a string."""
    return str(uuid7())


def is_id(text: str) -> bool:
    """Whether `text` is a UUID of any version in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def derived_id(name: str) -> str:
    """The id of what is named by `name`, such as an idempotency key: the same for the same name."""
    return str(uuid5(NAMESPACE_OID, name))
