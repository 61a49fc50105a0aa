"""What an object store must be able to do. Keys are ours: never a name that somebody sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class ObjectGone(Exception):
    """The store has no such object, though it should."""


class ObjectStore(Protocol):
    """Objects are written once under a key of their own, and never changed."""

    def put(self, key: str, source: Path, content_type: str) -> None:
        """Keep a file's content durably. Raises `ServiceUnavailable`."""
        ...

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """Part of an object, in chunks; opened at once. Raises `ObjectGone`, `ServiceUnavailable`."""
        ...

    def remove(self, prefix: str) -> None:
        """Remove everything below; what is gone already is fine. Raises `ServiceUnavailable`."""
        ...

    def ping(self) -> None:
        """Raises when the store can't be reached."""
        ...
