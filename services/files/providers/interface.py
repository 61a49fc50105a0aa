"""Interface of object stores. Keys are generated, never client input."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class ObjectNotFound(Exception):
    """An object that should exist is missing."""


class ObjectStore(Protocol):
    """Stores immutable objects by key."""

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Store a file durably. Raises `ServiceUnavailable`."""
        ...

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """Read part of an object in chunks. Raises `ObjectNotFound`, `ServiceUnavailable` at once."""
        ...

    def remove(self, prefix: str) -> None:
        """Remove all objects of a prefix; idempotent. Raises `ServiceUnavailable`."""
        ...

    def ping(self) -> None:
        """Check the connection. Raises an error of the store."""
        ...
