"""RPC interface of the files service. Contents are transferred over HTTP (ADR 0017)."""

from typing import Protocol

from schemas.api.files import FilesQuery, Link, LinkFile, StoredFile
from schemas.base import Page
from schemas.caller import Caller


class FilesRpc(Protocol):
    """Metadata of files, links to private files, deletion."""

    def get_file(self, file_id: str, caller: Caller) -> StoredFile:
        """Get the metadata of a file that the caller may read. Raises `NotFound`."""
        ...

    def list_files(self, query: FilesQuery, caller: Caller) -> Page[StoredFile]:
        """List the caller's files, the newest first; administrators may name another owner."""
        ...

    def link(self, command: LinkFile) -> Link:
        """Create a link to the caller's file that is valid for `expires_in` seconds. Raises `NotFound`."""
        ...

    def delete_file(self, file_id: str, caller: Caller) -> None:
        """Delete the caller's file; administrators delete any. Raises `NotFound`."""
        ...
