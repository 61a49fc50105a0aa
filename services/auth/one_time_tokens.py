"""One-time tokens of mailed links: each is valid for one purpose, once, for a limited time; stored as a digest."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import delete, func, insert, select, update

from schemas.signed.mail_links import one_time_token
from services.auth.models import tickets
from services.auth.tokens import digest
from services.chassis.stores.postgres import Session

Purpose = Literal["verify", "reset"]
LIFETIMES: Final[dict[Purpose, timedelta]] = {"verify": timedelta(hours=24), "reset": timedelta(hours=1)}
RESEND_INTERVAL: Final = timedelta(minutes=1)
"""Minimum time between two mails for the same purpose."""
MAX_VERIFICATIONS_PER_DAY: Final = 5
"""Maximum verification mails per account and day: the address may belong to another person."""


def issue(session: Session, purpose: Purpose, user_ids: Iterable[str], secret: bytes, now: datetime) -> dict[str, str]:
    """Create a token for each of these accounts; returns the tokens' names by account."""
    names = {user_id: secrets.token_urlsafe(24) for user_id in user_ids}
    if names:
        rows = [
            {
                "digest": digest(one_time_token(name, secret)),
                "user_id": user_id,
                "purpose": purpose,
                "expires_at": now + LIFETIMES[purpose],
            }
            for user_id, name in names.items()
        ]
        session.execute(insert(tickets), rows)
    return names


def redeem(session: Session, purpose: Purpose, token: str, now: datetime) -> str | None:
    """Use a token; returns its account. None when it is unknown, expired or used: one of several concurrent uses
    succeeds.
    """
    used = (
        update(tickets)
        .where(
            tickets.c.digest == digest(token),
            tickets.c.purpose == purpose,
            tickets.c.used_at.is_(None),
            tickets.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(tickets.c.user_id)
    )
    user_id: str | None = session.execute(used).scalar_one_or_none()
    return user_id


def is_open(session: Session, purpose: Purpose, token: str, now: datetime) -> bool:
    """Whether a token could be used now."""
    query = select(tickets.c.user_id).where(
        tickets.c.digest == digest(token),
        tickets.c.purpose == purpose,
        tickets.c.used_at.is_(None),
        tickets.c.expires_at > now,
    )
    return session.execute(query).scalar_one_or_none() is not None


def wait_before_next(session: Session, purpose: Purpose, user_id: str, now: datetime) -> timedelta:
    """Time until another token may be mailed: a minute after the last, and a limit per lifetime.

    Concurrent requests are serialised by a lock on the account, which the caller holds.
    """
    unexpired = (tickets.c.user_id == user_id, tickets.c.purpose == purpose, tickets.c.expires_at > now)
    ends = session.execute(select(tickets.c.expires_at).where(*unexpired).order_by(tickets.c.expires_at.desc()))
    expiries = list(ends.scalars())
    waits = [expiries[0] - LIFETIMES[purpose] + RESEND_INTERVAL - now] if expiries else []
    if len(expiries) >= MAX_VERIFICATIONS_PER_DAY:
        waits.append(expiries[MAX_VERIFICATIONS_PER_DAY - 1] - now)
    return max([timedelta(), *waits])


def account_of(session: Session, purpose: Purpose, token: str) -> str | None:
    """The account of a token, valid or not."""
    query = select(tickets.c.user_id).where(tickets.c.digest == digest(token), tickets.c.purpose == purpose)
    user_id: str | None = session.execute(query).scalar_one_or_none()
    return user_id


def invalidate_unused(session: Session, purpose: Purpose, user_id: str, now: datetime) -> None:
    """Invalidate the account's other tokens of this purpose."""
    unused = (tickets.c.user_id == user_id, tickets.c.purpose == purpose, tickets.c.used_at.is_(None))
    session.execute(update(tickets).where(*unused).values(used_at=now))


def delete_expired(session: Session) -> None:
    """Delete tokens that expired more than a week ago."""
    session.execute(delete(tickets).where(tickets.c.expires_at < func.now() - timedelta(days=7)))
