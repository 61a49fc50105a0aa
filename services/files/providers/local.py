"""A folder on a disk: for one machine, or a volume that all processes of the service share."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from schemas.signed.file_grants import CHUNK_BYTES
from services.chassis.common.ids import new_id
from services.files.providers.interface import ObjectGone


class LocalStore:
    """Each object is a file; it is there whole or not at all, and on the disk before anybody is told of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, source: Path, content_type: str) -> None:
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{new_id()}")
        with source.open("rb") as read, part.open("wb") as written:
            shutil.copyfileobj(read, written, CHUNK_BYTES)
            written.flush()
            os.fsync(written.fileno())
        part.rename(target)

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        try:
            opened = (self.folder / key).open("rb")
        except FileNotFoundError:
            raise ObjectGone(key) from None
        opened.seek(start)
        return _chunks(opened, length)

    def remove(self, prefix: str) -> None:
        shutil.rmtree(self.folder / prefix, ignore_errors=True)
        for parent in list((self.folder / prefix).parents)[:2]:
            with suppress(OSError):  # others have something in it
                parent.rmdir()

    def ping(self) -> None:
        if not os.access(self.folder, os.W_OK):
            raise OSError(f"{self.folder} can't be written")


def _chunks(opened: BinaryIO, length: int) -> Iterator[bytes]:
    with opened:
        while length > 0 and (chunk := opened.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk
