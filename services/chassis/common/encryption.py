"""Envelope encryption of stored secrets: AES-256-GCM under a data key per value, wrapped by a key of the key ring.

A value is text: `v1.KEY_ID.WRAPPED_DATA_KEY.NONCE_AND_CIPHERTEXT`, base64url. It is bound to its purpose and record, so
that it can't be moved to another row. `ultramarket keys rotate` adds a key to the ring and encrypts stored values
again; the columns that it does this for are declared in the stores (`encrypted_columns`, `encrypted_fields`).
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from services.chassis.common.key_ring import Key, KeyRing, UnknownKey

VERSION: Final = "v1"
NONCE_BYTES: Final = 12
"""NIST SP 800-38D, 5.2.1.1."""


class CannotDecrypt(Exception):
    """A value that is malformed, was changed, or belongs to another purpose or record."""


class Encryption:
    """Encrypts and decrypts with the key ring of a file, which is read again when it has changed."""

    def __init__(self, ring: Path | Callable[[], KeyRing]) -> None:
        self._read = KeyRing.reader(ring) if isinstance(ring, Path) else ring

    def encrypt(self, value: bytes, *, purpose: str, record: str) -> str:
        """Encrypt for one record: `purpose` names the kind of secret (`auth.totp`), `record` the id of its row."""
        key = self._read().current
        data_key, nonce = os.urandom(32), os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(data_key).encrypt(nonce, value, _context(purpose, record))
        return ".".join((VERSION, key.id, _text(aes_key_wrap(key.secret, data_key)), _text(nonce + ciphertext)))

    def decrypt(self, text: str, *, purpose: str, record: str) -> bytes:
        """The value. Raises `CannotDecrypt`; `UnknownKey` for a key that is not in the ring any more."""
        version, _, rest = text.partition(".")
        parts = rest.split(".")
        if version != VERSION or len(parts) != 3:
            raise CannotDecrypt("not an encrypted value")
        key = self._key(parts[0])
        try:
            data_key = aes_key_unwrap(key.secret, _bytes(parts[1]))
            sealed = _bytes(parts[2])
            nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return AESGCM(data_key).decrypt(nonce, ciphertext, _context(purpose, record))
        except (InvalidUnwrap, InvalidTag, ValueError) as error:
            raise CannotDecrypt("changed, or of another purpose or record") from error

    def is_current(self, text: str) -> bool:
        """Whether the value is encrypted under the newest key."""
        return text.startswith(self.current_prefix())

    def current_prefix(self) -> str:
        """Beginning of values under the newest key; for queries that look for the others."""
        return f"{VERSION}.{self._read().current.id}."

    @property
    def current_key_id(self) -> str:
        """The id of the newest key."""
        return self._read().current.id

    def _key(self, key_id: str) -> Key:
        return self._read().get(key_id)


def _context(purpose: str, record: str) -> bytes:
    return f"{len(purpose)}:{purpose}:{record}".encode()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


__all__ = ["CannotDecrypt", "Encryption", "UnknownKey"]
