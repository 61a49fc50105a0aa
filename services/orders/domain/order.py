"""The order aggregate; `history.fold` computes it from its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.events import orders as events


class Stock(StrEnum):
    """State of the order's stock."""

    NONE = "none"
    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


@dataclass(frozen=True)
class Milestone:
    """A status of the order with its time and reason."""

    status: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why an order failed or is failing: a public error code, a sentence, and details."""

    code: str
    reason: str
    details: tuple[dict[str, object], ...] = ()
    unsure: bool = False
    """Whether an earlier attempt of the refused step may still take effect."""


@dataclass(frozen=True)
class Shipment:
    """A shipment of an order. `status` is `requested` until shipping has created it, and `rejected` if it refused."""

    id: str
    items: Mapping[str, int]
    status: str = "requested"
    method: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    vendor_id: str | None = None


@dataclass(frozen=True)
class LineCancellation:
    """A cancellation of lines: `requested`, then `refunded`, then `done`. `amount` in minor units."""

    id: str
    items: Mapping[str, int]
    amount: int
    reason: str | None
    status: str = "requested"


@dataclass(frozen=True)
class Suspension:
    """A step that was refused for good; a person must decide."""

    step: str
    code: str
    reason: str


@dataclass(frozen=True)
class Order:
    """An order at one version."""

    id: str
    number: str
    version: int
    status: str
    placed: events.OrderPlaced
    timeline: tuple[Milestone, ...]
    stock: Stock = Stock.NONE
    hold_until: datetime | None = None
    payment_status: str | None = None
    refunded: int = 0
    payment_reversed: bool = False
    failure: Failure | None = None
    cancellation: str | None = None
    """Who requested the cancellation, if it was requested."""
    cancellation_reason: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    shipments: tuple[Shipment, ...] = ()
    cancellations: tuple[LineCancellation, ...] = ()
    suspension: Suspension | None = None
    disputes: tuple[tuple[str, str], ...] = ()
    """What happened to disputes of the payment: (dispute id, `opened`, `won` or `lost`)."""
    updated_at: datetime | None = None

    @property
    def created_at(self) -> datetime:
        return self.timeline[0].at

    @property
    def is_undoing(self) -> bool:
        return self.failure is not None or self.cancellation is not None

    @property
    def has_ended(self) -> bool:
        return self.status in ("failed", "cancelled", "returned", "delivered")
