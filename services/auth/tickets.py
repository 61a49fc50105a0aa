"""Links that are mailed: each good for one purpose, once, for a while; kept as a digest."""

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
AGAIN_AFTER: Final = timedelta(minutes=1)
"""Sooner nobody is sent another link for the same."""
VERIFY_A_DAY: Final = 5
"""Links that one account may have mailed to an address which may be somebody else's."""


def issue(session: Session, purpose: Purpose, user_ids: Iterable[str], secret: bytes, now: datetime) -> dict[str, str]:
    """A new ticket for each of these accounts; its name by account."""
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


def redeem(session: Session, purpose: Purpose, shown: str, now: datetime) -> str | None:
    """Use a ticket: whose it is. None when it is unknown, over, or was used before: of several at once one gets it."""
    used = (
        update(tickets)
        .where(
            tickets.c.digest == digest(shown),
            tickets.c.purpose == purpose,
            tickets.c.used_at.is_(None),
            tickets.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(tickets.c.user_id)
    )
    found: str | None = session.execute(used).scalar_one_or_none()
    return found


def is_open(session: Session, purpose: Purpose, shown: str, now: datetime) -> bool:
    """Whether a ticket could be used now."""
    query = select(tickets.c.user_id).where(
        tickets.c.digest == digest(shown),
        tickets.c.purpose == purpose,
        tickets.c.used_at.is_(None),
        tickets.c.expires_at > now,
    )
    return session.execute(query).scalar_one_or_none() is not None


def pause(session: Session, purpose: Purpose, user_id: str, now: datetime) -> timedelta:
    """How long to wait until another may be mailed: a minute after the last, and so many in its lifetime.

    Two that ask at the same moment are told apart by a lock on the account, which the caller has.
    """
    theirs = (tickets.c.user_id == user_id, tickets.c.purpose == purpose, tickets.c.expires_at > now)
    ends = session.execute(select(tickets.c.expires_at).where(*theirs).order_by(tickets.c.expires_at.desc()))
    over = list(ends.scalars())
    waits = [over[0] - LIFETIMES[purpose] + AGAIN_AFTER - now] if over else []
    if len(over) >= VERIFY_A_DAY:
        waits.append(over[VERIFY_A_DAY - 1] - now)
    return max([timedelta(), *waits])


def whose(session: Session, purpose: Purpose, shown: str) -> str | None:
    """Whose ticket it is, good or not."""
    query = select(tickets.c.user_id).where(tickets.c.digest == digest(shown), tickets.c.purpose == purpose)
    found: str | None = session.execute(query).scalar_one_or_none()
    return found


def void(session: Session, purpose: Purpose, user_id: str, now: datetime) -> None:
    """The account's other tickets for this are good no more."""
    theirs = (tickets.c.user_id == user_id, tickets.c.purpose == purpose, tickets.c.used_at.is_(None))
    session.execute(update(tickets).where(*theirs).values(used_at=now))


def forget_old(session: Session) -> None:
    """Those that were over a week ago."""
    session.execute(delete(tickets).where(tickets.c.expires_at < func.now() - timedelta(days=7)))
