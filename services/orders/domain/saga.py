"""The checkout saga: the next step of an order, decided from its events alone.

Forward: reserve stock → charge (authorise, and capture in the same call or in one of its own) → confirm. The stock
stays held until the order ends; inventory commits it when it has consumed `order_confirmed` (ADR 0084).
Backward, when a step failed for good or the order is cancelled: refund → release the stock → failed or cancelled.
After it is confirmed: create the shipments that were requested; refund cancelled lines → return their units to stock.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from schemas.events import orders as events
from services.orders.domain.cancelling import pending
from services.orders.domain.order import Order, Stock
from services.orders.domain.parcels import requested_shipment

RETRY = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=10))
"""Delays before a step with an unknown outcome is retried; the last one repeats."""

PAYMENT_CHECK = timedelta(seconds=20)
"""Interval at which an order that waits for the customer's confirmation checks its payment."""


class Step(StrEnum):
    """A step outside of the order, idempotent under the order's or the payment's id."""

    RESERVE = "reserve"
    CHARGE = "charge"
    CHECK_PAYMENT = "check_payment"
    CAPTURE = "capture"
    CONFIRM = "confirm"
    REVERSE_PAYMENT = "reverse_payment"
    RELEASE = "release"
    END = "end"
    CREATE_SHIPMENT = "create_shipment"
    REFUND_LINES = "refund_lines"
    RETURN_LINES = "return_lines"


COMPENSATIONS = (Step.REVERSE_PAYMENT, Step.RELEASE, Step.REFUND_LINES, Step.RETURN_LINES)
"""Steps that must not be refused for good: then the order is suspended until a person decides."""
RECORDED_WITH_NEXT = (Step.RESERVE,)
"""Steps that are recorded together with the next one: a process that takes over in between repeats them."""


def next_step(order: Order) -> Step | None:
    """The next step, or None for an order at rest, also for one that is suspended."""
    if order.status in ("failed", "cancelled") or order.suspension is not None:
        return None
    if order.is_undoing:
        return _next_undo(order)
    if order.status == "awaiting_payment" and order.payment_status == "requires_action":
        return Step.CHECK_PAYMENT
    if order.status not in ("pending", "awaiting_payment"):
        return _next_of_fulfilment(order)
    if order.stock is Stock.NONE:
        return Step.RESERVE
    if order.payment_status is None:
        return Step.CHARGE
    return Step.CONFIRM if order.payment_status == "captured" else Step.CAPTURE


def _next_undo(order: Order) -> Step:
    """The next compensation. Steps with an unrecorded outcome are compensated as well: reversing and releasing what
    doesn't exist is harmless, and blocks a late duplicate of the step.
    """
    failure = order.failure
    if failure is not None and failure.code == "OUT_OF_STOCK" and order.stock is Stock.NONE and not failure.unsure:
        return Step.END  # the only step that was ever tried was refused
    if not order.payment_reversed and order.payment_status != "declined":
        return Step.REVERSE_PAYMENT
    if order.stock is not Stock.RELEASED:
        return Step.RELEASE
    return Step.END


def _next_of_fulfilment(order: Order) -> Step | None:
    if requested_shipment(order) is not None:
        return Step.CREATE_SHIPMENT
    if pending(order, "refunded") is not None:
        return Step.RETURN_LINES
    return Step.REFUND_LINES if pending(order, "requested") is not None else None


def delay(attempts: int) -> timedelta:
    """The delay after the `attempts`-th attempt of a step that could not be carried out."""
    return RETRY[min(attempts, len(RETRY)) - 1]


def hold_expired(order: Order, now: datetime) -> bool:
    """Whether the order's stock reservation may have expired."""
    return order.stock is Stock.HELD and order.hold_until is not None and now >= order.hold_until


def confirmed(order: Order) -> events.OrderConfirmed:
    placed = order.placed
    return events.OrderConfirmed(
        order_id=order.id,
        number=order.number,
        user_id=placed.user_id,
        email=placed.email,
        currency=placed.currency,
        items=placed.items,
        totals=placed.totals,
        shipping_address=placed.shipping_address,
        shipping_method=placed.shipping_method,
        payment_id=placed.payment_id,
        cart_id=placed.cart_id,
        cart_version=placed.cart_version,
    )


def ended(order: Order) -> events.OrderFailed | events.OrderCancelled:
    """The event that ends an order whose steps are compensated."""
    placed = order.placed
    if order.failure is not None:
        return events.OrderFailed(
            order_id=order.id,
            number=order.number,
            user_id=placed.user_id,
            email=placed.email,
            code=order.failure.code,
            reason=order.failure.reason,
            total=placed.totals.total,
            currency=placed.currency,
        )
    return events.OrderCancelled(
        order_id=order.id,
        number=order.number,
        user_id=placed.user_id,
        email=placed.email,
        reason=order.cancellation_reason or next((item.reason for item in reversed(order.cancellations)), None),
        refunded=order.refunded,
        total=placed.totals.total,
        currency=placed.currency,
        items=placed.items,
    )
