"""Challenges of the second factor: the proof that a password was checked, or which session asks to be confirmed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from schemas.signed.signing import is_signed, sign

PURPOSE: Final = "two-factor"
LIFETIME: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Challenge:
    """For a login: the account and a digest of the password that was checked. For a session: its id instead."""

    user_id: str
    session_id: str = ""
    credential: str = ""

    def sign(self, secret: bytes, now: datetime) -> str:
        """The challenge as text, valid for five minutes."""
        expires = str(int((now + LIFETIME).timestamp()))
        parts = (self.user_id, self.session_id, self.credential, expires)
        return ".".join((*parts, sign(secret, PURPOSE, *parts)))

    @classmethod
    def read(cls, text: str, secret: bytes, now: datetime) -> "Challenge | None":
        """The challenge, or None for one that is expired or not ours."""
        *parts, signature = text.split(".")
        if len(parts) != 4 or not is_signed(signature, secret, PURPOSE, *parts):
            return None
        user_id, session_id, credential, expires = parts
        return cls(user_id, session_id, credential) if int(expires) > now.timestamp() else None
