"""Password hashing: bcrypt, off the event loop, in the same time whether or not the account exists."""

import base64
import hashlib

import bcrypt
import eventlet.tpool

DUMMY_HASH = "." * 53
"""Salt and hash for accounts that don't exist: checking takes as long as any other, and no password matches."""


class Passwords:
    """Hashes and verifies passwords with `rounds` as bcrypt's work factor (12: about a quarter of a second)."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def hash(self, password: str) -> str:
        """Hash a password for storage."""
        hashed: bytes = eventlet.tpool.execute(bcrypt.hashpw, _bcrypt_input(password), bcrypt.gensalt(self.rounds))
        return hashed.decode()

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password matches. Without a hash the same work is done, and the result is False."""
        stored = (hashed or f"$2b${self.rounds:02d}${DUMMY_HASH}").encode()
        is_match: bool = eventlet.tpool.execute(bcrypt.checkpw, _bcrypt_input(password), stored)
        return is_match and hashed is not None


def _bcrypt_input(password: str) -> bytes:
    """The password's digest in base64: bcrypt uses 72 bytes at most and stops at a NUL."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest())
