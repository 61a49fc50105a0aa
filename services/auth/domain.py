"""Sessions and refresh tokens: their values and rules, and the comparison of mail addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class TokenState(StrEnum):
    """The outcome of presenting a refresh token."""

    VALID = "good"
    REPEATED = "repeated"
    """By the request that used it, whose reply was lost."""
    REUSED = "reused"
    ENDED = "over"


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token in its session's chain; each is valid once (RFC 9700, 4.14.2)."""

    session_id: str
    user_id: str
    expires_at: datetime
    used_at: datetime | None
    session_ended_at: datetime | None
    used_by: str | None = None
    """Digest of the request that used it."""
    predecessor: str | None = None
    """Digest of the token that was exchanged for it; a repeated exchange issues several."""
    is_successor_used: bool = False


@dataclass(frozen=True)
class Exchange:
    """A refresh token that is presented and its successor, as digests, and the request that exchanges them."""

    presented: str
    successor: str
    request: str | None = None


@dataclass(frozen=True)
class Lifetimes:
    """Lifetimes of a refresh token, and of a session however often it is refreshed."""

    refresh_token: timedelta
    session: timedelta


@dataclass(frozen=True)
class Device:
    """The client of a session, as its owner sees it in the list."""

    user_agent: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class OpenSession:
    """A session and when a code of the second factor was last given in it."""

    id: str
    second_factor_at: datetime | None = None


def refresh_token_state(token: RefreshToken, now: datetime, request: str | None = None) -> TokenState:
    """Decide about a refresh token. One that another request used before is treated as stolen, in any state."""
    if token.session_ended_at is not None:
        return TokenState.ENDED
    if token.used_at is not None:
        is_repeated = request is not None and request == token.used_by and not token.is_successor_used
        return TokenState.REPEATED if is_repeated else TokenState.REUSED
    return TokenState.VALID if now < token.expires_at else TokenState.ENDED


def normalised(email: str) -> str:
    """The form in which addresses are compared: mailboxes that differ in case only are the same in practice."""
    return email.strip().lower()


class IdentityDecision(StrEnum):
    """The effect of a new identity with a verified address on the account that has the address."""

    LINK = "link"
    TAKE_OVER = "take over"
    VERIFY_FIRST = "verify first"
    REFUSE = "refuse"


def decide_on_identity(status: str, email_verified: bool, roles: Iterable[str]) -> IdentityDecision:
    """Decide about a new identity whose provider has verified the account's address.

    Who registered an address without verifying it may be anybody: its verified owner takes the account, and all ways
    into it so far are void. Not so for staff and vendors, to whom somebody has given rights.
    """
    if status != "active":
        return IdentityDecision.REFUSE
    if email_verified:
        return IdentityDecision.LINK
    return IdentityDecision.TAKE_OVER if set(roles) <= {"CUSTOMER"} else IdentityDecision.VERIFY_FIRST
