"""Local object store: a folder on one machine, or a shared volume."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from schemas.signed.file_grants import CHUNK_BYTES
from services.chassis.common.ids import new_id
from services.files.providers.interface import ObjectNotFound


class LocalStore:
    """Stores each object as a file, atomically and synced to disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, key: str, source: Path, content_type: str) -> None:
        target = self.folder / key
        for parent in reversed(target.relative_to(self.folder).parents):
            (self.folder / parent).mkdir(mode=0o700, exist_ok=True)
        part = target.with_name(f".{new_id()}")
        with source.open("rb") as read, open(part, "wb", opener=_private) as written:
            shutil.copyfileobj(read, written, CHUNK_BYTES)
            written.flush()
            os.fsync(written.fileno())
        part.rename(target)

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        try:
            file = (self.folder / key).open("rb")
        except FileNotFoundError:
            raise ObjectNotFound(key) from None
        file.seek(start)
        return _chunks(file, length)

    def remove(self, prefix: str) -> None:
        shutil.rmtree(self.folder / prefix, ignore_errors=True)
        for parent in list((self.folder / prefix).parents)[:2]:
            with suppress(OSError):  # not empty
                parent.rmdir()

    def ping(self) -> None:
        if not os.access(self.folder, os.W_OK):
            raise OSError(f"{self.folder} is not writable")


def _private(path: str, flags: int) -> int:
    """Open a file that only its owner can read: objects may be private."""
    return os.open(path, flags, 0o600)


def _chunks(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while length > 0 and (chunk := file.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk
