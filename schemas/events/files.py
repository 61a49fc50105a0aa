"""Events of the files service."""

from schemas.events.base import Event


class FileEvent(Event):
    """The owner, purpose and content of a file."""

    file_id: str
    sha256: str
    owner_id: str | None = None
    purpose: str
    bytes: int


class FileStored(FileEvent, source="files", subject="file_id", version=1):
    """A file was uploaded and stored."""


class FileDeleted(FileEvent, source="files", subject="file_id", version=1):
    """A file was deleted."""
