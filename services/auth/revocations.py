"""Revocations: ended sessions whose access tokens haven't expired yet. Written with the end of the session, then
copied to the list in Redis that the gateways follow.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import orjson
import redis
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from schemas.revocation_list import CHANNEL, COMPLETE, REVOKED
from services.auth.models import revocations
from services.chassis.common import clock
from services.chassis.stores.postgres import PostgresStore, Session
from services.chassis.stores.redis import RedisStore

REVOKED_FOR: Final = timedelta(hours=1)
"""Longer than any access token is valid."""
BATCH: Final = 1000


def revoke(session: Session, session_ids: Iterable[str]) -> None:
    """Revoke the access tokens of sessions, in the transaction that ends them."""
    rows = [{"session_id": session_id, "expires_at": func.now() + REVOKED_FOR} for session_id in session_ids]
    if rows:
        session.execute(pg_insert(revocations).values(rows).on_conflict_do_nothing())


class RevocationQueries:
    """Queries on revocations."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store

    def unpublished(self) -> dict[str, int]:
        """Sessions that are not in Redis yet: id → Unix time at which their last token expires."""
        return self._expiries(~revocations.c.published)

    def all(self) -> dict[str, int]:
        """All sessions with tokens that haven't expired."""
        return self._expiries(revocations.c.expires_at > func.now())

    def mark_published(self, session_ids: Iterable[str]) -> None:
        """Remember that these are in Redis."""
        with self.store.transaction() as session:
            condition = revocations.c.session_id.in_(list(session_ids))
            session.execute(update(revocations).where(condition).values(published=True))

    def delete_expired(self) -> None:
        """Delete revocations of tokens that have expired."""
        with self.store.transaction() as session:
            session.execute(delete(revocations).where(revocations.c.expires_at < func.now()))

    def _expiries(self, condition: Any) -> dict[str, int]:
        query = select(revocations.c.session_id, revocations.c.expires_at).where(condition)
        with self.store.reading() as connection:
            return {row.session_id: int(row.expires_at.timestamp()) for row in connection.execute(query)}


class RevocationList(RedisStore):
    """The list in Redis: a sorted set by expiry, and a channel that announces additions."""

    def add(self, sessions: dict[str, int]) -> None:
        """Add sessions and announce them, in batches."""
        ids = list(sessions)
        for start in range(0, len(ids), BATCH):
            batch: dict[str, Any] = {session_id: sessions[session_id] for session_id in ids[start : start + BATCH]}
            with self.redis.pipeline() as pipe:
                pipe.zadd(REVOKED, batch)
                pipe.publish(CHANNEL, orjson.dumps(batch))
                pipe.execute()

    def complete(self, sessions: dict[str, int]) -> None:
        """Fill a list that Redis may have lost, and mark it as complete."""
        run = self._run()
        self.add(sessions)
        self.redis.set(COMPLETE, run)

    def is_complete(self) -> bool:
        """Whether the list is complete. A Redis that was restarted may lack the last second, or everything."""
        return self.redis.get(COMPLETE) == self._run()

    def _run(self) -> str:
        """The id of this run of Redis: another one after each restart."""
        return str(self.redis.info("server")["run_id"])

    def delete_expired(self) -> None:
        """Drop sessions whose tokens have expired."""
        self.redis.zremrangebyscore(REVOKED, "-inf", clock.now().timestamp())


def publish(queries: RevocationQueries, revoked: RevocationList) -> None:
    """Copy what is missing to Redis. Repeatable: a process that dies in between leaves it to the next run.

    Raises `redis.RedisError`; the next run tries again.
    """
    new = queries.unpublished()
    if new:
        revoked.add(new)
        queries.mark_published(new)
    if not revoked.is_complete():
        revoked.complete(queries.all())


REDIS_ERRORS: Final = (redis.RedisError,)
