"""Passwords: bcrypt with a work factor, off the event loop, in the same time whether there is an account or not."""

import base64
import hashlib

import bcrypt
import eventlet.tpool

NOBODYS = "." * 53
"""Salt and hash of an account that isn't there: as much work to check as any other, and no password is known to fit."""


class Passwords:
    """Hashes and checks with `rounds` as bcrypt's work factor (12: about a quarter of a second)."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def hash(self, password: str) -> str:
        """The hash to store."""
        made: bytes = eventlet.tpool.execute(bcrypt.hashpw, _prepared(password), bcrypt.gensalt(self.rounds))
        return made.decode()

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the one. Without a hash the same work is done, and the answer is no."""
        known = (hashed or f"$2b${self.rounds:02d}${NOBODYS}").encode()
        same: bool = eventlet.tpool.execute(bcrypt.checkpw, _prepared(password), known)
        return same and hashed is not None


def _prepared(password: str) -> bytes:
    """bcrypt looks at 72 bytes and stops at a NUL; a digest in base64 makes the whole password count."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest())
