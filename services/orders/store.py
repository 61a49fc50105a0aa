"""All PostgreSQL queries of orders. The read model is in `readmodel.py`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_unless

from schemas.base import Idempotency
from schemas.events import orders as _events  # noqa: F401 - registers the events that `EVENTS` finds by type
from schemas.events.base import EVENTS, Event
from schemas.events.orders import OrderPlaced, OrderRejected
from services.chassis.common.errors import Conflict, DomainError, NotFound
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import dumps
from services.chassis.outbox.postgres import OutboxTable
from services.chassis.stores.postgres import PostgresStore, Session
from services.orders.domain.history import after, fold
from services.orders.domain.lifecycle import can_be_superseded, is_cart_reorderable
from services.orders.domain.order import Order
from services.orders.domain.saga import next_step
from services.orders.models import order_events, order_numbers, orders

_INSERT_EVENT = insert(order_events)
_INSERT_ORDER = insert_unless(orders).on_conflict_do_nothing().returning(orders.c.id)
_ORDERS_OF_CART = (
    select(orders.c.id, orders.c.status, orders.c.created_at, orders.c.live_cart)
    .where((orders.c.cart == bindparam("cart")) | (orders.c.live_cart == bindparam("live_cart")))
    .order_by(orders.c.id)
    .with_for_update()
)
_UNPAID = select(
    func.count().filter(orders.c.customer == bindparam("of_customer")),
    func.count().filter(orders.c.client == bindparam("of_client")),
).where(
    orders.c.status == "awaiting_payment",
    (orders.c.customer == bindparam("of_customer")) | (orders.c.client == bindparam("of_client")),
)
_STUCK = text(
    """
    select id, attempts, count(*) over () as total from orders
    where suspended_at is not null or (saga_due is not null and attempts >= 5 and status <> 'awaiting_payment')
    order by created_at, id limit :limit offset :offset
    """
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
        set version = :version, status = :status, saga_due = :saga_due, payment_token = :payment_token, attempts = 0,
            suspended_at = case when :suspended then coalesce(suspended_at, :now) end,
            live_cart = case when :unpaid then live_cart end,
            customer = case when :unpaid then customer end,
            client = case when :unpaid then client end
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

LEASE = timedelta(seconds=12)
"""Time for which a process owns the order's saga; recording a step renews it. Longer than any step may take."""
KEY_RETENTION_DAYS = 30
"""Retention of commands' idempotency keys."""
UNPAID = ("pending", "awaiting_payment")


class VersionConflict(DomainError):
    """Another process has recorded an event of this order first: read it again and decide anew."""

    code, status = "CONFLICT", 409


@dataclass(frozen=True)
class Buyer:
    """Who places an order: the user's id or the guest's mail address, and the network address."""

    customer: str
    client: str | None = None


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

    def order_of(self, key: Idempotency | None) -> str | None:
        """The id of the order that the command with this key has placed or changed. Raises `IdempotencyKeyReused`."""
        if key is None:
            return None
        with self.reading() as session:
            reply = self.known(session, key)
        return reply["order_id"] if reply else None

    def place(
        self, placed: OrderPlaced, token: str, key: Idempotency | None, now: datetime, buyer: Buyer | None = None
    ) -> StoredOrder:
        """Store a new order with its command's idempotency key, in one transaction.

        When a twin of the command was quicker, its order is returned and nothing is written. An unpaid order of the
        same cart is superseded: it is closed, and the new order waits for that. Raises `Conflict` when the cart is
        being paid for, or was bought.
        """
        buyer = buyer or Buyer(placed.user_id or placed.email.lower())
        with self.transaction() as session:
            if reply := self.claim(session, key, {"order_id": placed.order_id}):
                return self._read(session, reply["order_id"])
            row = {"id": placed.order_id, "version": 1, "status": "pending", "payment_id": placed.payment_id}
            row |= {"payment_token": token, "saga_due": now + LEASE, "created_at": now}
            row |= {"customer": buyer.customer, "client": buyer.client}
            row |= {"cart": f"{placed.cart_id}:{placed.cart_version}", "live_cart": placed.cart_id}
            if superseded := self._insert_row(session, row, now):
                placed = placed.model_copy(update={"supersedes": superseded})
            order = after(None, placed, now)
            event = {"order_id": order.id, "version": 1, "body": _body(placed, 1, now), "created_at": now}
            session.execute(_INSERT_EVENT, event)
        return StoredOrder(order, token, 0)

    def _insert_row(self, session: Session, row: dict[str, Any], now: datetime) -> str | None:
        """Insert the order's row; returns the order that it supersedes. Raises `Conflict`."""
        superseded = None
        while session.execute(_INSERT_ORDER, row).scalar_one_or_none() is None:
            for other in session.execute(_ORDERS_OF_CART, {name: row[name] for name in ("cart", "live_cart")}).all():
                if other.live_cart is not None:
                    superseded = self._supersede(session, other.id, row["id"], now)
                elif not is_cart_reorderable(other.status, other.created_at, now):
                    raise _is_bought(other.id)
                session.execute(update(orders).where(orders.c.id == other.id).values(cart=None, live_cart=None))
        return superseded

    def _supersede(self, session: Session, order_id: str, new_order_id: str, now: datetime) -> str:
        """Close an unpaid order whose row is locked: its stock is released and its payment undone."""
        stored = self._read(session, order_id)
        if not can_be_superseded(stored.order):
            raise _is_bought(order_id)
        if not stored.order.is_undoing:
            replaced = OrderRejected(
                order_id=order_id,
                code="CONFLICT",
                reason="Another order of the same cart has replaced this one",
                details=[{"replaced_by": new_order_id}],
            )
            session.execute(_APPEND, _row_of(stored, [replaced], now, timedelta(0))[1])
        return order_id

    def unpaid_orders(self, buyer: Buyer) -> tuple[int, int]:
        """Numbers of orders that wait for their customer's payment: of this customer, and from this address."""
        with self.reading() as session:
            counts = session.execute(_UNPAID, {"of_customer": buyer.customer, "of_client": buyer.client}).one()
        return counts[0], counts[1]

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
        appended, row = _row_of(stored, events, now, due)
        if key is None:
            with self.autocommit() as connection:
                _execute_append(connection, row)
            return appended
        with self.transaction() as session:
            if self.claim(session, key, {"order_id": stored.order.id}):
                return self._read(session, stored.order.id)
            _execute_append(session, row)
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

    def stuck(self, limit: int, offset: int) -> tuple[list[StoredOrder], int]:
        """Orders that a person should look at, the oldest first, and their total number."""
        with self.reading() as session:
            rows = session.execute(_STUCK, {"limit": limit, "offset": offset}).all()
        attempts = {str(row.id): row.attempts for row in rows}
        by_id = {order.id: StoredOrder(order, None, attempts[order.id]) for order in self.fold_many(list(attempts))}
        return [by_id[order_id] for order_id in attempts], rows[0].total if rows else 0

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
        """Delete old inbox entries, and command keys of more than 30 days ago."""
        with self.transaction() as session:
            session.execute(text("delete from inbox where handled_at < now() - interval '7 days'"))
            session.execute(
                text(f"delete from idempotency where created_at < now() - interval '{KEY_RETENTION_DAYS} days'")
            )


def _row_of(
    stored: StoredOrder, events: Sequence[Event], now: datetime, due: timedelta
) -> tuple[StoredOrder, dict[str, Any]]:
    """The order after the events, and the parameters of `_APPEND`."""
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
        "suspended": order.suspension is not None,
        "unpaid": order.status in UNPAID,
        "now": now,
        "versions": versions,
        "bodies": bodies,
    }
    return StoredOrder(order, token, 0), row


def _execute_append(session: Session | Connection, row: dict[str, Any]) -> None:
    if session.execute(_APPEND, row).rowcount != len(row["bodies"]):
        raise VersionConflict()


def _is_bought(order_id: str) -> Conflict:
    details = [{"field": "cart", "message": "is bought by another order", "order_id": order_id}]
    return Conflict("This cart has been ordered already", details)


def _body(event: Event, version: int, now: datetime) -> str:
    return dumps(envelope(event, version, now)).decode()


def _envelopes(session: Connection, order_id: str) -> list[dict[str, Any]]:
    return [orjson.loads(body) for body in session.execute(_HISTORY, {"order": order_id}).scalars()]


def _parsed(envelopes: Iterable[dict[str, Any]]) -> Iterable[tuple[Event, datetime]]:
    for item in envelopes:
        event = EVENTS["orders", item["type"]].from_envelope(item)
        yield event, event.meta.time
