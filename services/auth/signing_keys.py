"""Keys that sign access tokens: one PEM file, or a folder of them, each named by the time from which it signs.

A new key is in the key set before it signs, and an old one until the last token that it signed has expired: a rotation
refuses no token. Every process follows the folder; `ultramarket keys rotate` adds a key to it.
"""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

PUBLISHED_BEFORE: Final = timedelta(seconds=10)
"""How long a key is in the key set before it signs: gateways fetch unknown keys every 5 s at most."""
LEEWAY: Final = timedelta(seconds=60)
"""Added to the lifetime of tokens: clocks differ."""
_TIME: Final = "%Y%m%dT%H%M%SZ"
ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The time of a key without one."""


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key (RFC 8037), and the time from which it signs."""

    private: Ed25519PrivateKey
    signs_from: datetime

    @property
    def jwk(self) -> dict[str, str]:
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(public)}

    @property
    def id(self) -> str:
        """The thumbprint of RFC 7638: the same key always has the same id."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()
        return _base64url(hashlib.sha256(canonical).digest())


class SigningKeys:
    """The keys of a file or folder, read again when the folder has changed; tokens live for `lifetime`."""

    def __init__(self, path: Path, lifetime: timedelta) -> None:
        """Raises `ValueError` without a usable key, `OSError` when the path can't be read."""
        self._path, self._lifetime = path, lifetime
        self._lock = threading.Lock()
        self._version = -1
        self._read: list[SigningKey] = []
        self.all()

    def all(self) -> list[SigningKey]:
        """All keys, by the time from which they sign."""
        version = self._path.stat().st_mtime_ns
        with self._lock:
            if version != self._version:
                self._read, self._version = read_keys(self._path), version
            return self._read

    def current(self, now: datetime) -> SigningKey:
        """The key that signs: the newest one whose time has come."""
        keys = self.all()
        return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])

    def published(self, now: datetime) -> list[SigningKey]:
        """The keys of the key set: those that sign, will sign, or have signed tokens that have not expired."""
        keys = self.all()
        successors = [*keys[1:], None]
        return [key for key, next_ in zip(keys, successors, strict=True) if not self._is_retired(next_, now)]

    def _is_retired(self, successor: SigningKey | None, now: datetime) -> bool:
        return successor is not None and now > successor.signs_from + self._lifetime + LEEWAY


def read_keys(path: Path) -> list[SigningKey]:
    """The keys of a file or folder, by time. Raises `ValueError` when there is none, or another kind of key."""
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"there is no key in {path}")
    return sorted((_read_key(file) for file in files), key=lambda key: (key.signs_from, key.id))


def file_name(signs_from: datetime) -> str:
    """The file of a key in the folder."""
    return signs_from.astimezone(UTC).strftime(_TIME) + ".pem"


def _read_key(file: Path) -> SigningKey:
    key = load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{file} does not hold an Ed25519 key")
    try:
        signs_from = datetime.strptime(file.stem, _TIME).replace(tzinfo=UTC)
    except ValueError:  # a single file, or one with a name of its own: it has always signed
        signs_from = ALWAYS
    return SigningKey(key, signs_from)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
