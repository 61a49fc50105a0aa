"""Events of stock levels."""

from typing import Literal

from schemas.events.base import Event

StockReason = Literal["initial", "reserved", "committed", "released", "expired", "adjusted"]
"""`committed` is of earlier releases: see `StockCommitted`."""


class StockChanged(Event, source="inventory", subject="sku", version=1):
    """The level of a SKU after a change. Sequence: the level's version; consumers ignore a lower one."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    reason: StockReason
    order_id: str | None = None
    delta: int = 0
    """Change of `available` in units."""
    note: str | None = None
    """The reason given for an adjustment."""


class StockCommitted(Event, source="inventory", subject="sku", version=1):
    """The level of a SKU after reserved units of a confirmed order were deducted: `available` is what it was before.

    An event of its own, so that those who follow `available` need not consume it. Sequence: the level's version.
    """

    sku: str
    on_hand: int
    reserved: int
    available: int
    order_id: str


class ReservationOverdue(Event, source="inventory", subject="order_id", version=1):
    """The reservation of an order was not committed in time. Orders answers by committing or ending it, unless the
    order still lives; inventory asks again until then.
    """

    order_id: str


class LowStock(Event, source="inventory", subject="sku", version=1):
    """The available units fell to the threshold; published once for each fall."""

    sku: str
    available: int
    threshold: int


class BackInStock(Event, source="inventory", subject="sku", version=1):
    """A SKU that was sold out is available again."""

    sku: str
    available: int
