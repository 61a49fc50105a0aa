"""Events of an order from its placement until it is confirmed or has failed."""

from datetime import datetime
from typing import Any

from pydantic import Field

from schemas.events.base import Event
from schemas.events.orders.lines import OrderLine, Postal, Totals


class OrderPlaced(Event, source="orders", subject="order_id", version=1):
    """A customer has placed an order; no stock is reserved and nothing is paid yet."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    currency: str
    items: list[OrderLine]
    totals: Totals
    shipping_address: Postal
    billing_address: Postal
    shipping_method: str
    payment_id: str
    payment_provider: str
    cart_id: str
    cart_version: int
    note: str | None = None
    supersedes: str | None = None
    """The unpaid order of the same cart that this one replaces; it is closed before stock is reserved for this one."""


class OrderStockReserved(Event, source="orders", subject="order_id", version=1):
    """Stock for every line is reserved until `expires_at`."""

    order_id: str
    expires_at: datetime


class OrderStockCommitted(Event, source="orders", subject="order_id", version=1):
    """The reserved stock was sold to this order; the reservation does not expire any more."""

    order_id: str


class OrderConfirmed(Event, source="orders", subject="order_id", version=1):
    """The order is paid and its stock is sold: it can be fulfilled."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    currency: str
    items: list[OrderLine]
    totals: Totals
    shipping_address: Postal
    shipping_method: str
    payment_id: str
    cart_id: str
    cart_version: int


class OrderRejected(Event, source="orders", subject="order_id", version=1):
    """A checkout step failed permanently; completed steps are being compensated. `code` is the public error code."""

    order_id: str
    code: str
    reason: str
    details: list[dict[str, Any]] = Field(default_factory=list)
    unsure: bool = False
    """An earlier attempt of the step has an unknown outcome and may still be executed."""


class OrderStockReleased(Event, source="orders", subject="order_id", version=1):
    """The reserved or sold units were returned to stock."""

    order_id: str


class OrderFailed(Event, source="orders", subject="order_id", version=1):
    """The order failed: no stock is reserved and nothing is charged."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    code: str
    reason: str
    total: int
    currency: str
