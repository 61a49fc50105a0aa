"""Failed logins and codes, counted by account and by address: each further attempt has to wait longer.

An attacker can delay an account for addresses that are new to it only: who signed in from an address before has a
counter of their own there, so nobody is locked out by others (OWASP Authentication Cheat Sheet, login throttling).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from services.auth.domain import normalised
from services.auth.models import accounts, login_attempts, sessions
from services.chassis.common.errors import RateLimited
from services.chassis.stores.postgres import PostgresStore, Session

FREE_FAILURES: Final = 10
"""Failures of an account after which the delay begins."""
LONGEST_DELAY: Final = timedelta(minutes=5)
FORGOTTEN_AFTER: Final = timedelta(hours=1)
"""Failures count until so long after the last one."""


@dataclass(frozen=True)
class Counter:
    """Failures under a key, and how many are free."""

    key: str
    free: int


def delay(failures: int, free: int) -> timedelta:
    """The wait before the next attempt: none for the free failures, then 1 s, doubled with each, 5 min at most."""
    if failures < free:
        return timedelta()
    return min(timedelta(seconds=2.0 ** min(failures - free, 10)), LONGEST_DELAY)


class LoginAttempts:
    """Queries on failed attempts."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def counters(self, email: str, address: str | None, free_by_address: int) -> list[Counter]:
        """The counters of an attempt: of the account as it is seen from this address, and of the address."""
        account = normalised(email)
        if address is None:
            return [Counter(f"account:{account}", FREE_FAILURES)]
        name = f"account:{account}|{address}" if self._is_familiar(account, address) else f"account:{account}"
        return [Counter(name, FREE_FAILURES), Counter(f"address:{address}", free_by_address)]

    def begin(self, counters: list[Counter], now: datetime) -> None:
        """Count an attempt as failed until it succeeds, so that concurrent ones count as well.

        Raises `RateLimited` with the seconds to wait, before the costly check of a password.
        """
        with self.store.transaction() as session:
            for counter in sorted(counters, key=lambda each: each.key):  # in one order: no deadlock
                if not self._count(session, counter, now):
                    row = session.execute(select(login_attempts).where(login_attempts.c.key == counter.key)).one()
                    wait = row.last_at + delay(row.failures, counter.free) - now
                    seconds = max(1, int(wait.total_seconds()) + 1)
                    raise RateLimited(f"Too many failed attempts: wait {seconds} s", [{"retry_after": seconds}])

    @staticmethod
    def _count(session: Session, counter: Counter, now: datetime) -> bool:
        failures, last_at = login_attempts.c.failures, login_attempts.c.last_at
        is_old = last_at < now - FORGOTTEN_AFTER
        seconds = func.least(func.power(2.0, func.least(failures - counter.free, 10)), LONGEST_DELAY.total_seconds())
        has_waited = last_at + func.make_interval(0, 0, 0, 0, 0, 0, seconds) <= now
        counted = session.execute(
            pg_insert(login_attempts)
            .values(key=counter.key, failures=1, last_at=now)
            .on_conflict_do_update(
                index_elements=["key"],
                set_={"failures": case((is_old, 1), else_=failures + 1), "last_at": now},
                where=is_old | (failures < counter.free) | has_waited,
            )
        )
        return bool(counted.rowcount)  # type: ignore[attr-defined]

    def succeed(self, session: Session, counters: list[Counter]) -> None:
        """Forget the failures of the account, and this attempt of the address: own logins must not clear the rest."""
        for counter in sorted(counters, key=lambda each: each.key):
            condition = login_attempts.c.key == counter.key
            if counter.key.startswith("address:"):
                failures = func.greatest(login_attempts.c.failures - 1, 0)
                session.execute(update(login_attempts).where(condition).values(failures=failures))
            else:
                session.execute(delete(login_attempts).where(condition))

    def forget(self, counters: list[Counter]) -> None:
        """`succeed`, where nothing else is written."""
        with self.store.transaction() as session:
            self.succeed(session, counters)

    def delete_expired(self, now: datetime) -> None:
        with self.store.transaction() as session:
            session.execute(delete(login_attempts).where(login_attempts.c.last_at < now - FORGOTTEN_AFTER))

    def _is_familiar(self, account: str, address: str) -> bool:
        """Whether the account has had a session from this address in the time that sessions are kept."""
        query = (
            select(sessions.c.id)
            .join(accounts, accounts.c.id == sessions.c.user_id)
            .where(accounts.c.email_key == account, sessions.c.address == address)
            .limit(1)
        )
        with self.store.reading() as connection:
            return connection.execute(query).first() is not None
