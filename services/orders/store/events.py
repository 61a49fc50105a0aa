"""The events of orders: appending at a version, reading, folding."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson
from sqlalchemy import Connection, select

from schemas.base import Idempotency
from schemas.events import orders as _events  # noqa: F401 - registers the events that `EVENTS` finds by type
from schemas.events.base import EVENTS, Event
from services.chassis.common.errors import DomainError, NotFound
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import dumps
from services.chassis.outbox.postgres import OutboxTable
from services.chassis.stores.postgres import PostgresStore, Session
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order
from services.orders.domain.saga import next_step
from services.orders.models import orders
from services.orders.store.statements import APPEND, FOLD, HISTORY, PENDING, READ, STATUS

LEASE = timedelta(seconds=12)
"""Time for which a process owns the order's saga; recording a step renews it. Longer than any step may take."""
UNPAID = ("pending", "awaiting_payment")


class VersionConflict(DomainError):
    """Another process has recorded an event of this order first: read it again and decide anew."""

    code, status = "CONFLICT", 409


@dataclass(frozen=True)
class StoredOrder:
    """An order with the internal data of its saga."""

    order: Order
    payment_token: str | None
    attempts: int

    def after(self, events: Sequence[Event], now: datetime) -> "StoredOrder":
        """The order after more events, which are not recorded."""
        order = self.order
        for event in events:
            order = after(order, event, now)
        return replace(self, order=order)


class EventStore(PostgresStore):
    """Appends events and reads orders."""

    outbox_table: ClassVar = OutboxTable("order_events", keeps_rows=True)

    def append(
        self,
        stored: StoredOrder,
        events: Sequence[Event],
        now: datetime,
        due: timedelta = LEASE,
        key: Idempotency | None = None,
    ) -> StoredOrder:
        """Append events, with the idempotency key of the command that causes them. A repeated command appends nothing.

        Raises `VersionConflict` when the order has another version, `IdempotencyKeyReused`.
        """
        appended, row = row_of(stored, events, now, due)
        if key is None:
            with self.autocommit() as connection:
                execute_append(connection, row)
            return appended
        with self.transaction() as session:
            if self.claim(session, key, {"order_id": stored.order.id}):
                return self._read(session, stored.order.id)
            execute_append(session, row)
        return appended

    def read(self, order_id: str) -> StoredOrder:
        """Read an order. Raises `NotFound`."""
        with self.reading() as session:
            return self._read(session, order_id)

    def history(self, order_id: str) -> list[dict[str, Any]]:
        """The envelopes of the order's events, oldest first."""
        with self.reading() as session:
            return _envelopes(session, order_id)

    def status_of(self, order_id: str) -> str | None:
        """The order's status; None when there is no order."""
        with self.reading() as session:
            return session.execute(STATUS, {"order": order_id}).scalar_one_or_none()

    def pending_among(self, order_ids: Iterable[str]) -> list[str]:
        """The orders among these that are still pending."""
        with self.reading() as session:
            return list(session.execute(PENDING, {"orders": list(order_ids)}).scalars())

    def ids_after(self, order_id: str | None, limit: int) -> list[str]:
        """Order ids in order of creation, for a rebuild in batches."""
        query = select(orders.c.id).order_by(orders.c.id).limit(limit)
        if order_id is not None:
            query = query.where(orders.c.id > order_id)
        with self.reading() as session:
            return list(session.execute(query).scalars())

    def fold_many(self, order_ids: Sequence[str]) -> list[Order]:
        """Orders computed from their events."""
        by_order: dict[str, list[dict[str, Any]]] = {}
        with self.reading() as session:
            for order_id, body in session.execute(FOLD, {"orders": list(order_ids)}):
                by_order.setdefault(order_id, []).append(orjson.loads(body))
        return [fold(_parsed(envelopes)) for envelopes in by_order.values()]

    def _read(self, session: Session | Connection, order_id: str) -> StoredOrder:
        rows = session.execute(READ, {"order": order_id}).all()
        if not rows:
            raise NotFound("There is no such order")
        order = fold(_parsed(orjson.loads(row.body) for row in rows))
        return StoredOrder(order, rows[-1].payment_token, rows[-1].attempts)


def row_of(
    stored: StoredOrder, events: Sequence[Event], now: datetime, due: timedelta
) -> tuple[StoredOrder, dict[str, Any]]:
    """The order after the events, and the parameters of `APPEND`."""
    order = stored.order
    versions, bodies = [], []
    for event in events:
        order = after(order, event, now)
        versions.append(order.version)
        bodies.append(body_of(event, order.version, now))
    goes_on = next_step(order) is not None
    needs_token = order.payment_status is None and goes_on
    token = stored.payment_token if needs_token else None
    row = {
        "order": order.id,
        "at_version": stored.order.version,
        "version": order.version,
        "status": order.status,
        "goes_on": goes_on,
        "due": due,
        "payment_token": token,
        "suspended": order.suspension is not None,
        "unpaid": order.status in UNPAID,
        "now": now,
        "versions": versions,
        "bodies": bodies,
    }
    return StoredOrder(order, token, 0), row


def execute_append(session: Session | Connection, row: dict[str, Any]) -> None:
    if session.execute(APPEND, row).rowcount != len(row["bodies"]):
        raise VersionConflict()


def body_of(event: Event, version: int, now: datetime) -> str:
    return dumps(envelope(event, version, now)).decode()


def _envelopes(session: Connection, order_id: str) -> list[dict[str, Any]]:
    return [orjson.loads(body) for body in session.execute(HISTORY, {"order": order_id}).scalars()]


def _parsed(envelopes: Iterable[dict[str, Any]]) -> Iterable[tuple[Event, datetime]]:
    for item in envelopes:
        event = EVENTS["orders", item["type"]].from_envelope(item)
        yield event, event.meta.time
