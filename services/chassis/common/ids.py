"""Identifiers: UUIDv7 (RFC 9562), so that they sort by the time they were made and indexes stay dense."""

from uuid import UUID

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
