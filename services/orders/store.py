"""All PostgreSQL queries of orders. The read model is in `readmodel.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson
from sqlalchemy import Connection, bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_unless

from schemas.base import Idempotency
from schemas.events import orders as _events  # noqa: F401 - registers the events that `EVENTS` finds by type
from schemas.events.base import EVENTS, Event
from schemas.events.orders import OrderPlaced
from services.chassis.common.errors import Conflict, DomainError, NotFound
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import dumps
from services.chassis.outbox.postgres import OutboxTable
from services.chassis.stores.postgres import PostgresStore, Session
from services.orders.domain.lifecycle import is_cart_reorderable
from services.orders.domain.order import Order, after, fold
from services.orders.domain.saga import next_step
from services.orders.models import order_events, order_numbers, orders

_INSERT_EVENT = insert(order_events)
_INSERT_ORDER = insert_unless(orders).on_conflict_do_nothing(index_elements=[orders.c.cart]).returning(orders.c.id)
_ORDER_OF_CART = (
    select(orders.c.id, orders.c.status, orders.c.created_at)
    .where(orders.c.cart == bindparam("cart"))
    .with_for_update()
)
_NEXT_NUMBER = select(order_numbers.next_value())
_STATUS = select(orders.c.status).where(orders.c.id == bindparam("order"))
_PENDING = select(orders.c.id).where(orders.c.id.in_(bindparam("orders", expanding=True)), orders.c.status == "pending")
_HISTORY = (
    select(order_events.c.body).where(order_events.c.order_id == bindparam("order")).order_by(order_events.c.version)
)
_READ = (
    select(order_events.c.body, orders.c.payment_token, orders.c.attempts)
    .join_from(order_events, orders, order_events.c.order_id == orders.c.id)
    .where(order_events.c.order_id == bindparam("order"))
    .order_by(order_events.c.version)
)
_APPEND = text(
    """
    with moved as (
        update orders
        set version = :version, status = :status, saga_due = :saga_due, payment_token = :payment_token, attempts = 0
        where id = :order and version = :at_version
        returning id
    )
    insert into order_events (order_id, version, body, created_at)
    select moved.id, added.version, added.body, :now
    from moved, unnest(:versions, :bodies) as added (version, body) order by added.version
    """
)
"""Updates the order's row and inserts its events in one statement, which is one round trip and one transaction."""
_FOLD = (
    select(order_events.c.order_id, order_events.c.body)
    .where(order_events.c.order_id.in_(bindparam("orders", expanding=True)))
    .order_by(order_events.c.order_id, order_events.c.version)
)

LEASE = timedelta(seconds=8)
"""Time for which a process owns the order's saga; recording a step renews it."""


class VersionConflict(DomainError):
    """Another process has recorded an event of this order first: read it again and decide anew."""

    code, status = "CONFLICT", 409


@dataclass(frozen=True)
class StoredOrder:
    """An order with the internal data of its saga."""

    order: Order
    payment_token: str | None
    attempts: int


class OrderStore(PostgresStore):
    """Appends events and reads orders."""

    outbox_table: ClassVar = OutboxTable("order_events", keeps_rows=True)

    def next_number(self) -> int:
        with self.reading() as session:
            return int(session.execute(_NEXT_NUMBER).scalar_one())

    def placed_with(self, key: Idempotency | None) -> str | None:
        """The id of the order that this command has placed. Raises `IdempotencyKeyReused`."""
        if key is None:
            return None
        with self.reading() as session:
            reply = self.known(session, key)
        return reply["order_id"] if reply else None

    def place(self, placed: OrderPlaced, token: str, key: Idempotency | None, now: datetime) -> StoredOrder:
        """Store a new order with its command's idempotency key, in one transaction.

        When a twin of the command was quicker, its order is returned and nothing is written. Raises `Conflict` when
        another command has bought this very cart.
        """
        with self.transaction() as session:
            if reply := self.claim(session, key, {"order_id": placed.order_id}):
                return self._read(session, reply["order_id"])
            order = after(None, placed, now)
            event = {"order_id": order.id, "version": 1, "body": _body(placed, 1, now), "created_at": now}
            session.execute(_INSERT_EVENT, event)
            row = {"id": order.id, "version": 1, "status": order.status, "payment_id": placed.payment_id}
            row |= {"payment_token": token, "saga_due": now + LEASE, "created_at": now}
            self._insert_row(session, row | {"cart": f"{placed.cart_id}:{placed.cart_version}"}, now)
        return StoredOrder(order, token, 0)

    def _insert_row(self, session: Session, row: dict[str, Any], now: datetime) -> None:
        """Insert the order's row, unless the cart is being bought by another order."""
        while session.execute(_INSERT_ORDER, row).scalar_one_or_none() is None:
            other = session.execute(_ORDER_OF_CART, {"cart": row["cart"]}).one_or_none()
            if other is not None:
                if not is_cart_reorderable(other.status, other.created_at, now):
                    details = [{"field": "cart", "message": "is bought by another order", "order_id": other.id}]
                    raise Conflict("This cart has been ordered already", details)
                session.execute(update(orders).where(orders.c.id == other.id).values(cart=None))

    def append(
        self, stored: StoredOrder, events: Sequence[Event], now: datetime, due: timedelta = LEASE
    ) -> StoredOrder:
        """Append events. Raises `VersionConflict` when the order has another version."""
        order = stored.order
        versions, bodies = [], []
        for event in events:
            order = after(order, event, now)
            versions.append(order.version)
            bodies.append(_body(event, order.version, now))
        goes_on = next_step(order) is not None
        needs_token = order.payment_status is None and goes_on
        token = stored.payment_token if needs_token else None
        row = {
            "order": order.id,
            "at_version": stored.order.version,
            "version": order.version,
            "status": order.status,
            "saga_due": now + due if goes_on else None,
            "payment_token": token,
            "now": now,
            "versions": versions,
            "bodies": bodies,
        }
        with self.autocommit() as connection:
            if connection.execute(_APPEND, row).rowcount != len(bodies):
                raise VersionConflict()
        return StoredOrder(order, token, 0)

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
            return session.execute(_STATUS, {"order": order_id}).scalar_one_or_none()

    def pending_among(self, order_ids: Iterable[str]) -> list[str]:
        """The orders among these that are still pending."""
        with self.reading() as session:
            return list(session.execute(_PENDING, {"orders": list(order_ids)}).scalars())

    def postpone(self, order_id: str, version: int, wait: timedelta, now: datetime) -> None:
        """Schedule the next attempt of the order's step."""
        with self.transaction() as session:
            session.execute(
                update(orders)
                .where(orders.c.id == order_id, orders.c.version == version)
                .values(saga_due=now + wait, attempts=orders.c.attempts + 1)
            )

    def take_over(self, now: datetime, limit: int = 20) -> list[str]:
        """Take over orders whose saga has no live owner, for the length of a lease.

        Counts as an attempt: whoever had them before may have asked for the next step, and it may still be under way.
        """
        due = (
            select(orders.c.id)
            .where(orders.c.saga_due < now)
            .order_by(orders.c.saga_due)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self.transaction() as session:
            claimed = session.execute(
                update(orders)
                .where(orders.c.id.in_(due))
                .values(saga_due=now + LEASE, attempts=orders.c.attempts + 1)
                .returning(orders.c.id)
            )
            return list(claimed.scalars())

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
            for order_id, body in session.execute(_FOLD, {"orders": list(order_ids)}):
                by_order.setdefault(order_id, []).append(orjson.loads(body))
        return [fold(_parsed(envelopes)) for envelopes in by_order.values()]

    def _read(self, session: Session | Connection, order_id: str) -> StoredOrder:
        rows = session.execute(_READ, {"order": order_id}).all()
        if not rows:
            raise NotFound("There is no such order")
        order = fold(_parsed(orjson.loads(row.body) for row in rows))
        return StoredOrder(order, rows[-1].payment_token, rows[-1].attempts)

    def delete_expired(self) -> None:
        """Delete old inbox entries; command keys are kept with their orders."""
        with self.transaction() as session:
            session.execute(text("delete from inbox where handled_at < now() - interval '7 days'"))


def _body(event: Event, version: int, now: datetime) -> str:
    return dumps(envelope(event, version, now)).decode()


def _envelopes(session: Connection, order_id: str) -> list[dict[str, Any]]:
    return [orjson.loads(body) for body in session.execute(_HISTORY, {"order": order_id}).scalars()]


def _parsed(envelopes: Iterable[dict[str, Any]]) -> Iterable[tuple[Event, datetime]]:
    for item in envelopes:
        event = EVENTS["orders", item["type"]].from_envelope(item)
        yield event, event.meta.time
