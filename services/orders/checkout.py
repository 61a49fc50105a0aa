"""Executes the checkout saga: one step after the other, each recorded before the next, by any process."""

import time
from collections.abc import Callable, Sequence

import structlog

from schemas.api.inventory import ReserveStock, StockLine
from schemas.api.payments import Authorisation, Authorise, Capture, RefundOrder, Reverse
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.events.payments import PaymentRefunded
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.payments import PaymentsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, InvalidState, RemoteFailure, ServiceUnavailable
from services.orders.domain import cancelling, parcels, saga
from services.orders.domain.order import Order
from services.orders.domain.saga import Step
from services.orders.fulfilment import Fulfilment, following, rejected_shipment
from services.orders.store import OrderStore, StoredOrder, VersionConflict

CLOSE_SECONDS = 3.0
"""Maximum seconds that an order waits in one attempt for the one that it replaces to be closed."""

log = structlog.get_logger()


class Checkout:
    """Drives orders forward, or backward, as far as they get.

    Any number of processes may work on the same order: each step is idempotent at the service that carries it out,
    and of two that record its outcome the second one fails on the version and leaves the order to the first.
    """

    def __init__(
        self, store: OrderStore, inventory: InventoryRpc, payments: PaymentsRpc, fulfilment: Fulfilment
    ) -> None:
        self.store = store
        self.inventory = inventory
        self.payments = payments
        self._steps: dict[Step, Callable[[StoredOrder], Sequence[Event]]] = {
            Step.RESERVE: self._reserve,
            Step.AUTHORISE: self._authorise,
            Step.CHECK_PAYMENT: self._check_payment,
            Step.COMMIT: self._commit,
            Step.CAPTURE: self._capture,
            Step.CONFIRM: self._confirm,
            Step.REVERSE_PAYMENT: self._reverse_payment,
            Step.RELEASE: self._release,
            Step.END: self._end,
            Step.CREATE_SHIPMENT: fulfilment.create_shipment,
            Step.REFUND_LINES: self._refund_lines,
            Step.RETURN_LINES: self._return_lines,
        }

    def drive(self, stored: StoredOrder, until: float) -> Order:
        """Execute steps until the order is at rest, waits for the customer, or the monotonic clock reaches `until`;
        or until another process has recorded something, which then drives it.
        """
        while (step := saga.next_step(stored.order)) and time.monotonic() < until:
            try:
                happened = self._steps[step](stored)
            except DomainError as refusal:
                if is_outcome_unknown(refusal):
                    self._schedule_retry(stored, step, refusal)
                    break
                happened = [refused(stored, step, refusal)]
            if not happened:
                self.store.postpone(stored.order.id, stored.order.version, saga.PAYMENT_CHECK, clock.now())
                break
            try:
                stored = self.store.append(stored, happened, clock.now())
            except VersionConflict:
                return self.store.read(stored.order.id).order
            if step is Step.AUTHORISE and stored.order.status == "awaiting_payment":
                break
        return stored.order

    def _schedule_retry(self, stored: StoredOrder, step: Step, reason: DomainError) -> None:
        delay = saga.delay(stored.attempts + 1)
        log.warning(
            "step_retry_scheduled", order_id=stored.order.id, step=step, seconds=delay.total_seconds(), why=str(reason)
        )
        self.store.postpone(stored.order.id, stored.order.version, delay, clock.now())

    def _reserve(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        if order.placed.supersedes is not None:
            self._close_superseded(order.placed.supersedes)
        lines = [StockLine(sku=line.sku, quantity=line.quantity) for line in order.placed.items]
        reservation = self.inventory.reserve(ReserveStock(order_id=order.id, lines=lines))
        return [events.OrderStockReserved(order_id=order.id, expires_at=reservation.expires_at)]

    def _close_superseded(self, order_id: str) -> None:
        """Close the order that this one replaces, so that its stock is free. Raises `ServiceUnavailable` if it takes
        longer.
        """
        superseded = self.drive(self.store.read(order_id), time.monotonic() + CLOSE_SECONDS)
        if saga.next_step(superseded) is not None:
            raise ServiceUnavailable("The order that this one replaces is being closed")

    def _authorise(self, stored: StoredOrder) -> Sequence[Event]:
        order, placed = stored.order, stored.order.placed
        if saga.hold_expired(order, clock.now()):
            return [events.OrderRejected(order_id=order.id, code="INVALID_STATE", reason="Payment took too long")]
        authorisation = self.payments.authorise(
            Authorise(
                payment_id=placed.payment_id,
                order_id=order.id,
                amount=placed.totals.total,
                tax=placed.totals.tax,
                shipping=placed.totals.shipping,
                currency=placed.currency,
                provider=placed.payment_provider,
                token=stored.payment_token or "",
                email=placed.email,
                customer_id=placed.user_id,
            )
        )
        return [_outcome_of(order, authorisation)]

    def _check_payment(self, stored: StoredOrder) -> Sequence[Event]:
        """Get the status of a payment that the customer must confirm; no event while it is still open."""
        order = stored.order
        payment = self.payments.status_of(payment_id=order.placed.payment_id, refresh=True)
        if payment.status != "requires_action":
            return [_outcome_of(order, payment)]
        if saga.hold_expired(order, clock.now()):
            reason = "The payment was not confirmed in time"
            return [events.OrderRejected(order_id=order.id, code="PAYMENT_ACTION_REQUIRED", reason=reason)]
        return []

    def _commit(self, stored: StoredOrder) -> Sequence[Event]:
        self.inventory.commit(order_id=stored.order.id)
        return [events.OrderStockCommitted(order_id=stored.order.id)]

    def _capture(self, stored: StoredOrder) -> Sequence[Event]:
        order, placed = stored.order, stored.order.placed
        payment = self.payments.capture(Capture(payment_id=placed.payment_id))
        if payment.captured != placed.totals.total:
            raise InvalidState(f"Only {payment.captured} of {placed.totals.total} were captured")
        captured = events.OrderPaymentCaptured(
            order_id=order.id, payment_id=placed.payment_id, amount=placed.totals.total, currency=placed.currency
        )
        return [captured, saga.confirmed(order)]

    def _confirm(self, stored: StoredOrder) -> Sequence[Event]:
        return [saga.confirmed(stored.order)]

    def _reverse_payment(self, stored: StoredOrder) -> Sequence[Event]:
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

    def _release(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        self.inventory.release(order_id=order.id)
        released = events.OrderStockReleased(order_id=order.id)
        return [released, saga.ended(order)]

    def _refund_lines(self, stored: StoredOrder) -> Sequence[Event]:
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
        payment = self.payments.refund_order(
            RefundOrder(
                payment_id=order.placed.payment_id,
                refund_id=cancellation.id,
                amount=cancellation.amount,
                reason="lines_cancelled",
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

    def _return_lines(self, stored: StoredOrder) -> Sequence[Event]:
        order = stored.order
        cancellation = cancelling.pending(order, "refunded")
        if cancellation is None:
            return []
        lines = [StockLine(sku=sku, quantity=quantity) for sku, quantity in cancellation.items.items()]
        self.inventory.return_lines(order_id=order.id, return_id=cancellation.id, lines=lines)
        placed = order.placed
        done = events.OrderLinesCancelled(
            order_id=order.id,
            cancellation_id=cancellation.id,
            number=order.number,
            user_id=placed.user_id,
            email=placed.email,
            reason=cancellation.reason,
            lines=[events.LineQuantity(sku=sku, quantity=quantity) for sku, quantity in cancellation.items.items()],
            amount=cancellation.amount,
            currency=placed.currency,
        )
        return [done, *following(order, done)]

    def _end(self, stored: StoredOrder) -> Sequence[Event]:
        return [saga.ended(stored.order)]


def is_outcome_unknown(refusal: DomainError) -> bool:
    """Whether the step may have been, or may yet be, carried out: then it is retried, as it is idempotent."""
    return refusal.retry_after is not None or isinstance(refusal, RemoteFailure)


def refused(stored: StoredOrder, step: Step, refusal: DomainError) -> Event:
    """The event for a step that was refused permanently: the saga turns to compensation, or, when a compensation was
    refused, waits for a person.
    """
    order, details = stored.order, list(refusal.details)
    if order.is_undoing or step in saga.COMPENSATIONS:
        log.error("compensation_refused", order_id=order.id, step=step, error=str(refusal))
        return events.OrderSuspended(
            order_id=order.id, step=step, code=refusal.code, reason=refusal.message, details=details
        )
    if step is Step.CREATE_SHIPMENT:
        shipment = parcels.requested_shipment(order)
        return rejected_shipment(order, shipment.id if shipment else "", refusal)
    return events.OrderRejected(
        order_id=order.id, code=refusal.code, reason=refusal.message, details=details, unsure=stored.attempts > 0
    )


def refunded(event: PaymentRefunded) -> events.OrderPaymentRefunded:
    """The order's event for a refund made by an administrator."""
    return events.OrderPaymentRefunded(
        order_id=event.order_id,
        payment_id=event.payment_id,
        status="refunded" if event.refunded >= event.amount else "partially_refunded",
        refunded=event.refunded,
        currency=event.currency,
    )


def _outcome_of(order: Order, payment: Authorisation) -> Event:
    """The order's event for an authorisation: authorised, action required, or rejected by a decline."""
    payment_id, status, total = order.placed.payment_id, payment.status, order.placed.totals.total
    if status in ("captured", "partially_refunded", "refunded", "voided"):
        if payment.captured != total or status in ("refunded", "voided"):
            reason = f"The payment is {status}, {payment.captured} of {total} were captured"
            return events.OrderRejected(order_id=order.id, code="INVALID_STATE", reason=reason)
        status = "captured"
    if status in ("authorized", "captured"):
        return events.OrderPaymentAuthorized(
            order_id=order.id,
            payment_id=payment_id,
            status=status,
            amount=order.placed.totals.total,
            currency=order.placed.currency,
        )
    if status == "requires_action":
        return events.OrderPaymentActionRequired(order_id=order.id, payment_id=payment_id)
    decline_code = payment.decline_code or "card_declined"
    return events.OrderRejected(
        order_id=order.id,
        code="PAYMENT_DECLINED",
        reason=f"The payment was declined: {decline_code}",
        details=[{"decline_code": decline_code, "order_id": order.id}],
    )
