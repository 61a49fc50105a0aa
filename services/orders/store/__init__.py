"""All PostgreSQL queries of orders. The read model is in `readmodel.py`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError

from schemas.base import Idempotency
from schemas.events.orders import OrderPlaced, OrderRejected
from services.chassis.common.errors import Conflict, RateLimited
from services.chassis.stores.postgres import Session, stored_reply
from services.orders.domain.history import after
from services.orders.domain.lifecycle import can_be_superseded, is_cart_reorderable
from services.orders.models import orders
from services.orders.store.events import LEASE, EventStore, StoredOrder, VersionConflict, body_of, row_of
from services.orders.store.persons import PersonQueries
from services.orders.store.statements import (
    APPEND,
    INSERT_EVENT,
    INSERT_ORDER,
    LOCKED_UNPAID_COUNTS,
    ORDERS_OF_CART,
    PLACE,
    PLACEMENT,
    STUCK,
)

__all__ = ["LEASE", "Buyer", "OrderStore", "StoredOrder", "UnpaidLimits", "VersionConflict"]

PLACED_AT_ONCE = 200
"""More orders than are ever placed at one moment: an address that is further below its limit needs no lock."""
_NO_KEY = {"owner": None, "key": None, "fingerprint": None}
KEY_RETENTION_DAYS = 30
"""Retention of commands' idempotency keys."""


@dataclass(frozen=True)
class Buyer:
    """The buyer of an order: the user's id or the guest's mail address, and the network address."""

    customer: str
    client: str | None = None


@dataclass(frozen=True)
class UnpaidLimits:
    """Maximum numbers of unpaid orders of a customer, and from a network address."""

    of_customer: int
    of_client: int


class OrderStore(EventStore, PersonQueries):
    """Places orders, and hands their sagas to processes."""

    def begin_placement(self, key: Idempotency | None) -> tuple[str | None, int]:
        """The id of the order that the command with this key has placed already, and a number for a new order.

        Raises `IdempotencyKeyReused`.
        """
        of_key = {"owner": key.owner, "key": key.key} if key else {"owner": None, "key": None}
        with self.reading() as session:
            row = session.execute(PLACEMENT, of_key).one()
        if key is None or row.fingerprint is None:
            return None, int(row.number)
        return stored_reply(row, key)["order_id"], int(row.number)

    def order_of(self, key: Idempotency | None) -> str | None:
        """The id of the order that the command with this key has placed or changed. Raises `IdempotencyKeyReused`."""
        if key is None:
            return None
        with self.reading() as session:
            reply = self.known(session, key)
        return reply["order_id"] if reply else None

    def place(
        self,
        placed: OrderPlaced,
        token: str,
        key: Idempotency | None,
        now: datetime,
        buyer: Buyer | None = None,
        limits: UnpaidLimits | None = None,
    ) -> StoredOrder:
        """Store a new order with its command's idempotency key, in one transaction.

        When a twin of the command was quicker, its order is returned and nothing is written. An unpaid order of the
        same cart is superseded: it is closed, and the new order waits for that. Raises `Conflict` when the cart is
        being paid for, or was bought, and `RateLimited` when the buyer has as many unpaid orders as the limits allow.
        """
        buyer = buyer or Buyer(placed.user_id or placed.email.lower())
        row: dict[str, Any] = {"id": placed.order_id, "payment_id": placed.payment_id, "payment_token": token}
        row |= {"lease": LEASE, "created_at": now}
        row |= {"user_id": placed.user_id, "customer": buyer.customer, "client": buyer.client}
        row |= {"cart": f"{placed.cart_id}:{placed.cart_version}", "live_cart": placed.cart_id}
        if limits is not None and self._place_at_once(placed, row, key, limits):
            return StoredOrder(after(None, placed, now), token, 0)
        row |= {"version": 1, "status": "pending"}
        with self.transaction() as session:
            is_limited = limits is not None and self._has_too_many_unpaid(session, buyer, limits)
            if reply := self.claim(session, key, {"order_id": placed.order_id}):
                return self._read(session, reply["order_id"])
            if is_limited:
                raise RateLimited("Too many orders wait for their payment: pay or cancel one of them first")
            if superseded := self._insert_row(session, row, now):
                placed = placed.model_copy(update={"supersedes": superseded})
            order = after(None, placed, now)
            event = {"order_id": order.id, "version": 1, "body": body_of(placed, 1, now), "created_at": now}
            session.execute(INSERT_EVENT, event)
        return StoredOrder(order, token, 0)

    def _place_at_once(
        self, placed: OrderPlaced, row: dict[str, Any], key: Idempotency | None, limits: UnpaidLimits
    ) -> bool:
        """Place the order in one round trip, unless anything speaks against it; then nothing is written."""
        of_key = {"owner": key.owner, "key": key.key, "fingerprint": key.fingerprint} if key else _NO_KEY
        values: dict[str, Any] = row | of_key | {"reply": {"order_id": placed.order_id}}
        values |= {"body": body_of(placed, 1, row["created_at"])}
        values |= {"crowded": max(0, limits.of_client - PLACED_AT_ONCE)}
        values |= {"most_of_customer": limits.of_customer, "most_of_client": limits.of_client}
        try:
            with self.autocommit() as connection:
                return connection.execute(PLACE, values).one_or_none() is not None
        except IntegrityError:  # the command is known: a twin has placed its order
            return False

    def _insert_row(self, session: Session, row: dict[str, Any], now: datetime) -> str | None:
        """Insert the order's row; returns the order that it supersedes. Raises `Conflict`."""
        superseded = None
        while session.execute(INSERT_ORDER, row).scalar_one_or_none() is None:
            for other in session.execute(ORDERS_OF_CART, {name: row[name] for name in ("cart", "live_cart")}).all():
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
            session.execute(APPEND, row_of(stored, [replaced], now, timedelta(0))[1])
        return order_id

    @staticmethod
    def _has_too_many_unpaid(session: Session, buyer: Buyer, limits: UnpaidLimits) -> bool:
        """Whether the buyer may place no more. Until the transaction ends, no other order of theirs is counted and
        placed.
        """
        crowded = max(0, limits.of_client - PLACED_AT_ONCE)
        values = {"customer": buyer.customer, "client": buyer.client, "crowded": crowded}
        counts = session.execute(LOCKED_UNPAID_COUNTS, values).one()
        return bool(counts.of_customer >= limits.of_customer or counts.of_client >= limits.of_client)

    def postpone(self, order_id: str, version: int, wait: timedelta) -> None:
        """Schedule the next attempt of the order's step."""
        with self.transaction() as session:
            session.execute(
                update(orders)
                .where(orders.c.id == order_id, orders.c.version == version)
                .values(saga_due=func.now() + wait, attempts=orders.c.attempts + 1)
            )

    def stuck(self, limit: int, offset: int) -> tuple[list[StoredOrder], int]:
        """Orders that a person should look at, the oldest first, and their total number."""
        with self.reading() as session:
            rows = session.execute(STUCK, {"limit": limit, "offset": offset}).all()
        attempts = {str(row.id): row.attempts for row in rows}
        by_id = {order.id: StoredOrder(order, None, attempts[order.id]) for order in self.fold_many(list(attempts))}
        return [by_id[order_id] for order_id in attempts], rows[0].total if rows else 0

    def take_over(self, limit: int = 20) -> list[str]:
        """Take over orders whose saga has no live owner, for the length of a lease.

        Counts as an attempt: whoever had them before may have asked for the next step, and it may still be under way.
        """
        due = (
            select(orders.c.id)
            .where(orders.c.saga_due < func.now())
            .order_by(orders.c.saga_due)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        with self.transaction() as session:
            claimed = session.execute(
                update(orders)
                .where(orders.c.id.in_(due))
                .values(saga_due=func.now() + LEASE, attempts=orders.c.attempts + 1)
                .returning(orders.c.id)
            )
            return list(claimed.scalars())

    def delete_expired(self) -> None:
        """Delete old inbox entries, and command keys of more than 30 days ago."""
        with self.transaction() as session:
            session.execute(text("delete from inbox where handled_at < now() - interval '7 days'"))
            session.execute(
                text(f"delete from idempotency where created_at < now() - interval '{KEY_RETENTION_DAYS} days'")
            )


def _is_bought(order_id: str) -> Conflict:
    details = [{"field": "cart", "message": "is bought by another order", "order_id": order_id}]
    return Conflict("This cart has been ordered already", details)
