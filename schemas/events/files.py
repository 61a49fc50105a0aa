"""What happens to files."""

from schemas.events.base import Event


class FileEvent(Event):
    """A file, as much as others need to know whose it is and what it is for."""

    file_id: str
    sha256: str
    owner_id: str | None = None
    purpose: str
    bytes: int


class FileStored(FileEvent, source="files", subject="file_id", version=1):
    """A file was brought and kept."""


class FileDeleted(FileEvent, source="files", subject="file_id", version=1):
    """A file can't be had any more."""
