"""Steps of the saga at the payments service. Each is idempotent under the payment's or the cancellation's id."""

from collections.abc import Sequence

from schemas.api.payments import Authorisation, Authorise, Capture, PaymentStatus, RefundedParts, RefundOrder, Reverse
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.rpc.payments import PaymentsRpc
from services.chassis.common import clock
from services.chassis.common.errors import InvalidState
from services.orders.domain import cancelling, saga
from services.orders.domain.order import Order
from services.orders.domain.pricing import goods_by_vendor
from services.orders.store import StoredOrder


class PaymentSteps:
    """Charge, check, capture, reverse, refund cancelled lines: each returns the events for what has happened."""

    def __init__(self, payments: PaymentsRpc, capture_at_once: bool) -> None:
        self.payments = payments
        self.capture_at_once = capture_at_once

    def charge(self, stored: StoredOrder) -> Sequence[Event]:
        """Authorise the payment, and capture it in the same call where that is the policy."""
        order, placed = stored.order, stored.order.placed
        if saga.hold_expired(order, clock.now()):
            return [events.OrderRejected(order_id=order.id, code="INVALID_STATE", reason="Payment took too long")]
        outcome = self.payments.authorise(
            Authorise(
                payment_id=placed.payment_id,
                order_id=order.id,
                amount=placed.totals.total,
                tax=placed.totals.tax,
                shipping=placed.totals.shipping,
                vendors=goods_by_vendor(placed),
                currency=placed.currency,
                provider=placed.payment_provider,
                token=stored.payment_token or "",
                email=placed.email,
                customer_id=placed.user_id,
                capture=self.capture_at_once,
            )
        )
        return _outcome_of(order, outcome)

    def check_payment(self, stored: StoredOrder) -> Sequence[Event]:
        """Get the status of a payment that the customer must confirm; no event while it is still open."""
        order = stored.order
        payment = self.payments.status_of(payment_id=order.placed.payment_id, refresh=True)
        if payment.status != "requires_action":
            return _outcome_of(order, payment)
        if saga.hold_expired(order, clock.now()):
            reason = "The payment was not confirmed in time"
            return [events.OrderRejected(order_id=order.id, code="PAYMENT_ACTION_REQUIRED", reason=reason)]
        return []

    def capture(self, stored: StoredOrder) -> Sequence[Event]:
        order, placed = stored.order, stored.order.placed
        payment = self.payments.capture(Capture(payment_id=placed.payment_id))
        if payment.captured != placed.totals.total:
            raise InvalidState(f"Only {payment.captured} of {placed.totals.total} were captured")
        return _captured(order)

    def reverse_payment(self, stored: StoredOrder) -> Sequence[Event]:
        order, placed = stored.order, stored.order.placed
        payment = self.payments.reverse(
            Reverse(
                payment_id=placed.payment_id,
                order_id=order.id,
                amount=placed.totals.total,
                currency=placed.currency,
                provider=placed.payment_provider,
                reason="order_failed" if order.failure else "order_cancelled",
            )
        )
        reversal = events.OrderPaymentReversed(
            order_id=order.id,
            payment_id=placed.payment_id,
            status=payment.status,
            refunded=payment.refunded,
            currency=placed.currency,
        )
        return [reversal]

    def refund_lines(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        cancellation = cancelling.pending(order, "requested")
        if cancellation is None:
            return []
        done = events.OrderLinesRefunded(
            order_id=order.id,
            cancellation_id=cancellation.id,
            amount=cancellation.amount,
            currency=order.placed.currency,
        )
        if cancellation.amount == 0:
            return [done]
        parts = cancelling.parts_of_refund(order, cancellation)
        payment = self.payments.refund_order(
            RefundOrder(
                payment_id=order.placed.payment_id,
                refund_id=cancellation.id,
                amount=cancellation.amount,
                reason="lines_cancelled",
                parts=RefundedParts(tax=parts.tax, shipping=parts.shipping, vendors=dict(parts.vendors)),
            )
        )
        if payment.refunded <= order.refunded:
            return [done]
        refunded = events.OrderPaymentRefunded(
            order_id=order.id,
            payment_id=order.placed.payment_id,
            status=payment.status,
            refunded=payment.refunded,
            currency=order.placed.currency,
        )
        return [refunded, done]


def refunded(order: Order, amount: int) -> events.OrderPaymentRefunded:
    """The order's event for refunds that were not its own, of this amount in total."""
    return events.OrderPaymentRefunded(
        order_id=order.id,
        payment_id=order.placed.payment_id,
        status=_status_of(amount, order.placed.totals.total),
        refunded=amount,
        currency=order.placed.currency,
    )


def _status_of(refunded: int, amount: int) -> PaymentStatus:
    if refunded >= amount:
        return "refunded"
    return "partially_refunded" if refunded else "captured"


def _captured(order: Order) -> list[Event]:
    """The events of an order that is paid: nothing else is to be done."""
    placed = order.placed
    captured = events.OrderPaymentCaptured(
        order_id=order.id, payment_id=placed.payment_id, amount=placed.totals.total, currency=placed.currency
    )
    return [captured, saga.confirmed(order)]


def _outcome_of(order: Order, payment: Authorisation) -> list[Event]:
    """The order's events for a charge: captured, authorised, action required, or rejected by a decline."""
    payment_id, status, total = order.placed.payment_id, payment.status, order.placed.totals.total
    if status in ("captured", "partially_refunded", "refunded", "voided"):
        if payment.captured != total or status in ("refunded", "voided"):
            reason = f"The payment is {status}, {payment.captured} of {total} were captured"
            return [events.OrderRejected(order_id=order.id, code="INVALID_STATE", reason=reason)]
        return _captured(order)
    if status == "authorized":
        authorized = events.OrderPaymentAuthorized(
            order_id=order.id,
            payment_id=payment_id,
            status=status,
            amount=order.placed.totals.total,
            currency=order.placed.currency,
        )
        return [authorized]
    if status == "requires_action":
        return [events.OrderPaymentActionRequired(order_id=order.id, payment_id=payment_id)]
    decline_code = payment.decline_code or "card_declined"
    declined = events.OrderRejected(
        order_id=order.id,
        code="PAYMENT_DECLINED",
        reason=f"The payment was declined: {decline_code}",
        details=[{"decline_code": decline_code, "order_id": order.id}],
    )
    return [declined]
