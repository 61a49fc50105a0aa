"""Computes an order from its events: `fold` from the whole history, `after` one more."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import singledispatch

from schemas.events import orders as events
from schemas.events.base import Event
from services.orders.domain.order import (
    Failure,
    LineCancellation,
    Milestone,
    Order,
    Shipment,
    Stock,
    Suspension,
)


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


@_apply.register
def _(event: events.OrderShipmentRequested, order: Order, at: datetime) -> Order:
    fields = event.model_dump(include={"method", "carrier", "tracking_number", "vendor_id"})
    return replace(order, shipments=(*order.shipments, Shipment(event.shipment_id, _by_sku(event.items), **fields)))


@_apply.register
def _(event: events.OrderShipmentCreated, order: Order, at: datetime) -> Order:
    created = {"status": "created", "carrier": event.carrier, "tracking_number": event.tracking_number}
    order = _with_shipment(order, event.shipment_id, **created)
    return replace(order, carrier=event.carrier, tracking_number=event.tracking_number)


@_apply.register
def _(event: events.OrderShipmentRejected, order: Order, at: datetime) -> Order:
    return _with_shipment(order, event.shipment_id, status="rejected")


@_apply.register
def _(event: events.OrderShipmentMoved, order: Order, at: datetime) -> Order:
    return _with_shipment(order, event.shipment_id, status=event.status)


@_apply.register
def _(event: events.OrderLinesCancellationRequested, order: Order, at: datetime) -> Order:
    cancellation = LineCancellation(event.cancellation_id, _by_sku(event.lines), event.amount, event.reason)
    return replace(order, cancellations=(*order.cancellations, cancellation))


@_apply.register
def _(event: events.OrderLinesRefunded, order: Order, at: datetime) -> Order:
    return _with_cancellation(order, event.cancellation_id, "refunded")


@_apply.register
def _(event: events.OrderLinesCancelled, order: Order, at: datetime) -> Order:
    return _with_cancellation(order, event.cancellation_id, "done")


@_apply.register
def _(event: events.OrderSuspended, order: Order, at: datetime) -> Order:
    return replace(order, suspension=Suspension(event.step, event.code, event.reason))


@_apply.register
def _(event: events.OrderResumed, order: Order, at: datetime) -> Order:
    return replace(order, suspension=None)


@_apply.register
def _(event: events.OrderStepSettled, order: Order, at: datetime) -> Order:
    order = replace(order, suspension=None)
    if event.step == "reverse_payment":
        return replace(order, payment_reversed=True)
    if event.step == "release":
        return replace(order, stock=Stock.RELEASED)
    following = {"refund_lines": ("requested", "refunded"), "return_lines": ("refunded", "done")}.get(event.step)
    for cancellation in order.cancellations:
        if following and cancellation.status == following[0]:
            return _with_cancellation(order, cancellation.id, following[1])
    return order


@_apply.register
def _(event: events.OrderPaymentDisputed, order: Order, at: datetime) -> Order:
    order = replace(order, disputes=(*order.disputes, (event.dispute_id, event.outcome)))
    return _with_status(order, order.status, at, f"Payment dispute {event.outcome}")


def _by_sku(lines: Sequence[events.LineQuantity]) -> dict[str, int]:
    return {line.sku: line.quantity for line in lines}


def _with_shipment(order: Order, shipment_id: str, **values: str) -> Order:
    shipments = (replace(item, **values) if item.id == shipment_id else item for item in order.shipments)  # type: ignore[arg-type]
    return replace(order, shipments=tuple(shipments))


def _with_cancellation(order: Order, cancellation_id: str, status: str) -> Order:
    items = (replace(item, status=status) if item.id == cancellation_id else item for item in order.cancellations)
    return replace(order, cancellations=tuple(items))
