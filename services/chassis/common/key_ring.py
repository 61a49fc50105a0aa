"""Key ring: the file with the key-encryption keys of an instance, newest last. Old ones stay for decryption."""

import json
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from services.chassis.common import clock

KEY_BYTES: Final = 32


class UnknownKey(Exception):
    """A key id that the ring does not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key ring has no key {key_id!r}")


@dataclass(frozen=True)
class Key:
    """A key-encryption key (AES-256)."""

    id: str
    secret: bytes
    created_at: datetime

    @classmethod
    def new(cls) -> "Key":
        return cls(secrets.token_hex(6), secrets.token_bytes(KEY_BYTES), clock.now())


@dataclass(frozen=True)
class KeyRing:
    """At least one key; the last one encrypts."""

    keys: tuple[Key, ...]

    @property
    def current(self) -> Key:
        return self.keys[-1]

    def get(self, key_id: str) -> Key:
        """Raises `UnknownKey`."""
        for key in self.keys:
            if key.id == key_id:
                return key
        raise UnknownKey(key_id)

    def with_new_key(self) -> "KeyRing":
        return KeyRing((*self.keys, Key.new()))

    def without(self, key_id: str) -> "KeyRing":
        """The ring without a retired key. Raises `UnknownKey`, and `ValueError` for the one that encrypts."""
        if self.get(key_id) == self.current:
            raise ValueError("the newest key is in use")
        return KeyRing(tuple(key for key in self.keys if key.id != key_id))

    def dumps(self) -> str:
        rows = [
            {"id": key.id, "key": b64encode(key.secret).decode(), "created_at": clock.rfc3339(key.created_at)}
            for key in self.keys
        ]
        return json.dumps({"keys": rows}, indent=2)

    @classmethod
    def loads(cls, text: str) -> "KeyRing":
        """Raises `ValueError` for a file that is not a key ring."""
        try:
            keys = tuple(
                Key(row["id"], b64decode(row["key"], validate=True), datetime.fromisoformat(row["created_at"]))
                for row in json.loads(text)["keys"]
            )
        except (KeyError, TypeError) as error:
            raise ValueError("not a key ring") from error
        if not keys or any(len(key.secret) != KEY_BYTES for key in keys):
            raise ValueError("a key ring has at least one key, each of 32 bytes")
        return cls(keys)

    @classmethod
    def reader(cls, path: Path) -> Callable[[], "KeyRing"]:
        """A function that returns the file's ring, read again whenever the file was replaced.

        Raises `ValueError`, and `OSError` when the file can't be read.
        """
        lock = threading.Lock()
        read: dict[tuple[int, int], KeyRing] = {}

        def ring() -> KeyRing:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_ino)
            with lock:
                if version not in read:
                    fresh = cls.loads(path.read_text())
                    read.clear()
                    read[version] = fresh
                return read[version]

        return ring
