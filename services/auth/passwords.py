"""Password hashing: bcrypt, in processes of its own, in the same time whether or not the account exists."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import eventlet.tpool
import zxcvbn

from services.auth.hash_pool import HashPool
from services.chassis.common.errors import ValidationFailed

DUMMY_HASH = "." * 53
"""Salt and hash for accounts that don't exist: checking takes as long as any other, and no password matches."""
LOWEST_SCORE: Final = 2
"""Of zxcvbn's 0 to 4: 2 needs more than a million guesses."""
SHORTEST_REST: Final = 4
"""Characters that a password has at least besides the person's name and mail address."""
CHECKED_CHARACTERS: Final = 20
"""zxcvbn's time grows fast with the length (0.4 s at 20 in the worst case): longer ones are judged by this much."""


class Passwords:
    """Hashes and verifies passwords with `rounds` as bcrypt's work factor (12: about a quarter of a second)."""

    def __init__(self, rounds: int, pool: HashPool) -> None:
        self.rounds, self._pool = rounds, pool

    def admit(self) -> None:
        """Raises `ServiceUnavailable` if there is no time left for a hash: before anything is written."""
        self._pool.admit()

    def hash(self, password: str) -> str:
        """Hash a password for storage."""
        return str(self._pool.request({"password": _bcrypt_input(password), "rounds": self.rounds})["hash"])

    def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password matches. Without a hash the same work is done, and the result is False."""
        stored = hashed or f"$2b${self.rounds:02d}${DUMMY_HASH}"
        is_match = self._pool.request({"password": _bcrypt_input(password), "stored": stored})["matches"]
        return bool(is_match) and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with another work factor than the present one."""
        return int(hashed.split("$")[2]) != self.rounds


def check_strength(field: str, password: str, personal: Sequence[str]) -> None:
    """Raises `ValidationFailed` for a password that is common, or that follows from the person's own data.

    NIST SP 800-63B, 5.1.1.2: compared with common and breached passwords and with the context, no rules of composition.
    """
    if _without(personal, password) < SHORTEST_REST:
        raise ValidationFailed.of(field, "is too weak: it is your name or mail address")
    words = [word for text in personal for word in (text, *text.replace("@", ".").split("."), *text.split()) if word]
    result = eventlet.tpool.execute(zxcvbn.zxcvbn, password[:CHECKED_CHARACTERS], user_inputs=words)
    if result["score"] < LOWEST_SCORE:
        reason = result["feedback"]["warning"] or "it is easily guessed"
        raise ValidationFailed.of(field, f"is too weak: {reason[0].lower()}{reason[1:].rstrip('.')}")


def _without(personal: Iterable[str], password: str) -> int:
    """The number of characters of the password that are not of the person's own data."""
    rest = password.lower()
    for text in sorted(personal, key=len, reverse=True):
        if len(text) >= SHORTEST_REST:
            rest = rest.replace(text.lower(), "")
    return len(rest)


def _bcrypt_input(password: str) -> str:
    """The password's digest in base64: bcrypt uses 72 bytes at most and stops at a NUL."""
    return base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()
