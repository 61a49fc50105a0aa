"""What may be done with a refresh token."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What a refresh token that was shown is."""

    GOOD = "good"
    REUSED = "reused"
    OVER = "over"


@dataclass(frozen=True)
class RefreshToken:
    """One link of a session's chain of refresh tokens; each is good once (RFC 9700, 4.14.2)."""

    session_id: str
    user_id: str
    expires_at: datetime
    used_at: datetime | None
    session_ended_at: datetime | None


def judge(token: RefreshToken, now: datetime) -> Verdict:
    """A token that was used before is a sign of theft, whatever else may be said of it."""
    if token.session_ended_at is not None:
        return Verdict.OVER
    if token.used_at is not None:
        return Verdict.REUSED
    return Verdict.GOOD if now < token.expires_at else Verdict.OVER


def normalised(email: str) -> str:
    """The form in which addresses are compared. Mailboxes that differ in case alone are one person's in practice."""
    return email.strip().lower()
