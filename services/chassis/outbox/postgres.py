"""Relay of a PostgreSQL outbox: one leader at a time, woken by the commit's notification."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg2
import psycopg2.extensions
import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.chassis.messaging.transport import BROKER_ERRORS
from services.chassis.observability.metrics import OUTBOX_LAG, OUTBOX_LEADER
from services.chassis.outbox import bridge_backlog
from services.chassis.outbox.bridge_backlog import BridgeBacklog
from services.chassis.outbox.publisher import ConfirmingPublisher, Pace, goes_to_bridge
from services.chassis.stores.postgres_connections import CLIENT_LIMITS, session_options

BATCH = 500
RETRY_SECONDS = 1.0
IDLE_SECONDS = 5.0
"""Seconds to wait for a notification before polling."""
FROZEN_SECONDS = 30
"""A leader that is idle for so long counts as frozen: the server ends its session, and another takes over."""
HOUSEKEEPING_SECONDS = 3600.0
INTERRUPTIONS: tuple[type[Exception], ...] = (psycopg2.Error, SQLAlchemyError, *BROKER_ERRORS)

log = structlog.get_logger()


@dataclass(frozen=True)
class OutboxTable:
    """The table of a service's unpublished events: columns `position`, `body`, `created_at`.

    `keeps_rows`: the events are the service's truth as well; they are marked (`published_at`) instead of deleted.
    """

    name: str = "outbox"
    keeps_rows: bool = False

    @property
    def unpublished(self) -> str:
        where = "where published_at is null" if self.keeps_rows else ""
        age = "extract(epoch from now() - created_at)"
        return f"select position, body, {age} from {self.name} {where} order by position limit {BATCH}"

    @property
    def keep_for_bridge(self) -> str:
        rows = f"select body from {self.name} where position = any(%s) order by position"
        return f"insert into {bridge_backlog.TABLE} (body) {rows}"

    @property
    def settle(self) -> str:
        if self.keeps_rows:
            return f"update {self.name} set published_at = now() where published_at is null and position = any(%s)"
        return f"delete from {self.name} where position = any(%s)"


class PostgresRelay:
    """Publishes what commits into the service's outbox, oldest first, then deletes or marks it.

    The leader holds a session-level advisory lock: it ends with the process's connection, so another process takes
    over at once (from one that is frozen, within half a minute). Rows of one aggregate are written under its row lock
    or version, so their positions are in order; a row that commits late is still found, because what is left in the
    table is what is not published yet.
    A crash between confirm and delete publishes again: readers know the ids.
    """

    def __init__(
        self,
        service: str,
        url: str,
        amqp_url: str,
        table: OutboxTable,
        housekeeping: Callable[[], None] | None = None,
        schema: str | None = None,
        bridge_limit: int = bridge_backlog.DEFAULT_LIMIT,
    ) -> None:
        self.service = service
        self._table = table
        self._schema = schema or service
        self._url, self._amqp_url = url, amqp_url
        self._housekeeping = housekeeping
        self._bridge_limit = bridge_limit
        self._stopping = False
        self._stop_receiver, self._stop_sender = socket.socketpair()

    def run(self) -> None:
        """Relay as the leader, or wait to become it, until `stop`."""
        with self._stop_receiver:
            while not self._stopping:
                self._lead_until_interrupted()

    def _lead_until_interrupted(self) -> None:
        try:
            self._lead()
        except INTERRUPTIONS as lost:
            if not self._stopping:
                log.warning("relay_interrupted", service=self.service, error=str(lost).strip())
        OUTBOX_LEADER.labels(self.service).set(0)
        if not self._stopping:
            time.sleep(RETRY_SECONDS)

    def stop(self) -> None:
        """End `run` after the batch that it is publishing."""
        self._stopping = True
        self._stop_sender.close()  # makes the receiver readable, which ends the wait for notifications

    def _lead(self) -> None:
        options = session_options(self._schema, synchronous_commit="off", idle_session_timeout=FROZEN_SECONDS * 1000)
        connection: psycopg2.extensions.connection = psycopg2.connect(self._url, options=options, **CLIENT_LIMITS)
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            if not self._elected(cursor):
                return
            OUTBOX_LEADER.labels(self.service).set(1)
            cursor.execute(f'listen "outbox_{self._schema}"')
            publisher = ConfirmingPublisher(self._amqp_url, self.service)
            try:
                self._relay(connection, cursor, publisher)
            finally:
                publisher.close()
        finally:
            connection.close()

    def _elected(self, cursor: "psycopg2.extensions.cursor") -> bool:
        while not self._stopping:
            cursor.execute("select pg_try_advisory_lock(hashtext(%s))", (f"outbox:{self._schema}",))
            if cursor.fetchone()[0]:  # type: ignore[index]
                return True
            time.sleep(RETRY_SECONDS)
        return False

    def _relay(
        self,
        connection: "psycopg2.extensions.connection",
        cursor: "psycopg2.extensions.cursor",
        publisher: ConfirmingPublisher,
    ) -> None:
        backlog = BridgeBacklog(self.service, _Backlog(cursor), publisher, self._bridge_limit)
        clean_at = time.monotonic() + 60
        pace = Pace()
        done: list[int] = []  # published, and not settled yet
        while not self._stopping:
            pace.keep()
            connection.poll()  # receives past notifications; later ones may not be in the query's result
            connection.notifies.clear()
            rows = self._settle_and_read(cursor, done)
            OUTBOX_LAG.labels(self.service).set(float(rows[0][2]) if rows else 0)
            behind = backlog.balance()
            done = self._publish(cursor, publisher, rows) if rows else []
            if behind or rows or connection.notifies:
                continue
            if self._housekeeping and time.monotonic() > clean_at:
                self._housekeeping()
                clean_at = time.monotonic() + HOUSEKEEPING_SECONDS
            seconds = IDLE_SECONDS if publisher.includes_bridge else bridge_backlog.CHECK_SECONDS
            select.select([connection.fileno(), self._stop_receiver.fileno()], [], [], seconds)
        if done:
            cursor.execute(self._table.settle, (done,))

    def _settle_and_read(self, cursor: "psycopg2.extensions.cursor", done: list[int]) -> list[tuple[int, str, float]]:
        """Settle what was published, and read the next rows: in one round trip, and so one transaction."""
        if done:
            cursor.execute(f"{self._table.settle}; {self._table.unpublished}", (done,))
        else:
            cursor.execute(self._table.unpublished)
        return cursor.fetchall()

    def _publish(
        self,
        cursor: "psycopg2.extensions.cursor",
        publisher: ConfirmingPublisher,
        rows: list[tuple[int, str, float]],
    ) -> list[int]:
        """Publish the rows; the positions of those that are to be settled. Others are left: the broker refused them, or
        others of their aggregates.
        """
        envelopes = [orjson.loads(body) for _, body, _ in rows]
        confirmed = publisher.publish(envelopes)
        published = [
            (row[0], wrapped) for row, wrapped in zip(rows, envelopes, strict=True) if wrapped["id"] in confirmed
        ]
        done = [position for position, _ in published]
        if not publisher.includes_bridge:
            kept = [position for position, wrapped in published if goes_to_bridge(wrapped)]
            cursor.execute(self._table.keep_for_bridge, (kept,))
        if len(done) < len(rows):
            log.warning("events_refused", service=self.service, waiting=len(rows) - len(done))
            time.sleep(RETRY_SECONDS)
        return done


class _Backlog:
    """The table of events that wait for the bridge."""

    def __init__(self, cursor: "psycopg2.extensions.cursor") -> None:
        self._cursor = cursor

    def oldest(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        self._cursor.execute(f"select position, body from {bridge_backlog.TABLE} order by position limit %s", (count,))
        return [(position, orjson.loads(body)) for position, body in self._cursor.fetchall()]

    def remove(self, positions: Sequence[int]) -> None:
        self._cursor.execute(f"delete from {bridge_backlog.TABLE} where position = any(%s)", (list(positions),))
