"""Order fixtures for tests: placed orders, an in-memory store, and the invariants of a finished order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from schemas.events.base import Event
from schemas.events.orders import OrderLine, OrderPlaced, Totals
from services.chassis.common.ids import new_id
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order, Stock
from services.orders.store import LEASE, StoredOrder, VersionConflict
from tests.support.fake_services import Inventory, Payments

ADDRESS = {"name": "Ada", "line1": "1 Main St", "city": "Springfield", "postal_code": "97477", "country": "US"}


_carts = count(1)


def line(sku: str = "MUG", quantity: int = 1, unit_price: int = 1000, vendor_id: str | None = None) -> OrderLine:
    total = unit_price * quantity
    fields = {"sku": sku, "product_id": new_id(), "title": sku, "quantity": quantity, "unit_price": unit_price}
    return OrderLine(**fields, line_total=total, vendor_id=vendor_id)


def placed(*items: OrderLine, **values: Any) -> OrderPlaced:
    """An `OrderPlaced` event: one mug for a guest by default."""
    lines = list(items) or [line()]
    subtotal = sum(item.line_total for item in lines)
    fields: dict[str, Any] = {
        "order_id": new_id(),
        "number": "UM-2026-000001",
        "user_id": None,
        "email": "ada@example.com",
        "currency": "USD",
        "items": lines,
        "totals": Totals(subtotal=subtotal, discount=0, shipping=500, tax=0, total=subtotal + 500),
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS,
        "shipping_method": "standard",
        "payment_id": new_id(),
        "payment_provider": "sandbox",
        "cart_id": f"cart-{(number := next(_carts))}",
        "cart_version": number,
    }
    return OrderPlaced(**fields | values)


class MemoryOrders:
    """An in-memory `OrderStore`: append-only events per order with optimistic locking by version."""

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[Event, datetime]]] = {}
        self.tokens: dict[str, str] = {}
        self.attempts: dict[str, int] = {}

    def place(self, event: OrderPlaced, token: str, now: datetime) -> StoredOrder:
        self.events[event.order_id] = [(event, now)]
        self.tokens[event.order_id] = token
        self.attempts[event.order_id] = 0
        return self.read(event.order_id)

    def read(self, order_id: str) -> StoredOrder:
        return StoredOrder(fold(self.events[order_id]), self.tokens[order_id], self.attempts[order_id])

    def append(
        self, stored: StoredOrder, events: Sequence[Event], now: datetime, due: timedelta = LEASE
    ) -> StoredOrder:
        order_id = stored.order.id
        if len(self.events[order_id]) != stored.order.version:
            raise VersionConflict()
        order = stored.order
        for event in events:
            order = after(order, event, now)
            self.events[order_id].append((event, now))
        self.attempts[order_id] = 0
        return replace(stored, order=order, attempts=0)

    def postpone(self, order_id: str, version: int, wait: timedelta) -> None:
        if len(self.events[order_id]) == version:
            self.attempts[order_id] += 1

    def take_over(self, order_id: str) -> StoredOrder:
        """Take an order over from another process and read it, as `OrderStore` does."""
        self.attempts[order_id] += 1
        return self.read(order_id)


def check_settled(order: Order, inventory: Inventory, payments: Payments) -> None:
    """Check the invariants of an order that has reached a final status: stock, payment and charge agree."""
    stock, payment = inventory.state(order.id), payments.state(order.placed.payment_id)
    charged = payments.charged(order.placed.payment_id)
    if order.status == "confirmed" and not order.cancellations:
        assert (stock, payment, charged) == ("held", "captured", order.placed.totals.total)  # until it is consumed
        assert order.stock is Stock.HELD
        assert order.payment_status == "captured"
    else:
        assert order.status in ("failed", "cancelled")
        assert stock in ("released", "nothing"), f"{order.status} but {stock}"
        assert payment in ("voided", "refunded", "declined", "nothing"), f"{order.status} but {payment}"
        assert charged == 0
    sold = sum(sum(lines.values()) for state, lines in inventory.orders.values() if state != "released")
    assert sum(inventory.stock.values()) + sold == 10
