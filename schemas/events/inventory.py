"""What inventory says: how much of a SKU there is, and when it runs low."""

from typing import Literal

from schemas.events.base import Event

StockReason = Literal["initial", "reserved", "committed", "released", "expired", "adjusted"]


class StockChanged(Event, source="inventory", subject="sku", version=1):
    """The level of a SKU after a change. Its sequence is the level's version: a lower one is older news."""

    sku: str
    on_hand: int
    reserved: int
    available: int
    reason: StockReason
    order_id: str | None = None
    delta: int = 0
    """By how many units `available` changed."""
    note: str | None = None
    """Why somebody adjusted it, in their words."""


class LowStock(Event, source="inventory", subject="sku", version=1):
    """No more is available than the threshold: said once each time that the level falls to it."""

    sku: str
    available: int
    threshold: int


class BackInStock(Event, source="inventory", subject="sku", version=1):
    """Some are available again of what was sold out."""

    sku: str
    available: int
