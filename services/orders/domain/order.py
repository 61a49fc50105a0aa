"""The order aggregate, computed from its events by `fold`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import singledispatch

from schemas.events import orders as events
from schemas.events.base import Event


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


def fold(history: Iterable[tuple[Event, datetime]]) -> Order:
    """Compute an order from its history of (event, time). Raises `ValueError` when the first is no placement."""
    order: Order | None = None
    for event, at in history:
        order = after(order, event, at)
    if order is None:
        raise ValueError("an order begins with order_placed")
    return order


def after(order: Order | None, event: Event, at: datetime) -> Order:
    """The order after one more event."""
    if isinstance(event, events.OrderPlaced):
        return Order(
            id=event.order_id,
            number=event.number,
            version=1,
            status="pending",
            placed=event,
            timeline=(Milestone("pending", at),),
            updated_at=at,
        )
    if order is None:
        raise ValueError("an order begins with order_placed")
    return replace(_apply(event, order, at), version=order.version + 1, updated_at=at)


def _with_status(order: Order, status: str, at: datetime, reason: str | None = None) -> Order:
    return replace(order, status=status, timeline=(*order.timeline, Milestone(status, at, reason)))


@singledispatch
def _apply(event: Event, order: Order, at: datetime) -> Order:
    raise ValueError(f"{event.type} is not an event of an order")


@_apply.register
def _(event: events.OrderStockReserved, order: Order, at: datetime) -> Order:
    return replace(order, stock=Stock.HELD, hold_until=event.expires_at)


@_apply.register
def _(event: events.OrderPaymentAuthorized, order: Order, at: datetime) -> Order:
    return replace(order, payment_status=event.status)


@_apply.register
def _(event: events.OrderPaymentActionRequired, order: Order, at: datetime) -> Order:
    return _with_status(replace(order, payment_status="requires_action"), "awaiting_payment", at)


@_apply.register
def _(event: events.OrderStockCommitted, order: Order, at: datetime) -> Order:
    return replace(order, stock=Stock.COMMITTED)


@_apply.register
def _(event: events.OrderPaymentCaptured, order: Order, at: datetime) -> Order:
    return replace(order, payment_status="captured")


@_apply.register
def _(event: events.OrderConfirmed, order: Order, at: datetime) -> Order:
    return _with_status(order, "confirmed", at)


@_apply.register
def _(event: events.OrderRejected, order: Order, at: datetime) -> Order:
    failure = Failure(event.code, event.reason, tuple(event.details), event.unsure)
    declined = event.code == "PAYMENT_DECLINED" and order.payment_status in (None, "requires_action")
    return replace(order, failure=failure, payment_status="declined" if declined else order.payment_status)


@_apply.register
def _(event: events.OrderCancellationRequested, order: Order, at: datetime) -> Order:
    return replace(order, cancellation=event.requested_by, cancellation_reason=event.reason)


@_apply.register
def _(event: events.OrderPaymentReversed, order: Order, at: datetime) -> Order:
    return replace(order, payment_status=event.status, refunded=event.refunded, payment_reversed=True)


@_apply.register
def _(event: events.OrderPaymentRefunded, order: Order, at: datetime) -> Order:
    return replace(order, payment_status=event.status, refunded=event.refunded)


@_apply.register
def _(event: events.OrderStockReleased, order: Order, at: datetime) -> Order:
    return replace(order, stock=Stock.RELEASED)


@_apply.register
def _(event: events.OrderFailed, order: Order, at: datetime) -> Order:
    return _with_status(order, "failed", at, event.reason)


@_apply.register
def _(event: events.OrderCancelled, order: Order, at: datetime) -> Order:
    return _with_status(order, "cancelled", at, event.reason)


@_apply.register
def _(event: events.OrderProcessing, order: Order, at: datetime) -> Order:
    return _with_status(order, "processing", at)


@_apply.register
def _(event: events.OrderShipped, order: Order, at: datetime) -> Order:
    return _with_status(replace(order, carrier=event.carrier, tracking_number=event.tracking_number), "shipped", at)


@_apply.register
def _(event: events.OrderDelivered, order: Order, at: datetime) -> Order:
    return _with_status(order, "delivered", at)


@_apply.register
def _(event: events.OrderReturned, order: Order, at: datetime) -> Order:
    return _with_status(order, "returned", at)
