"""Executes the checkout saga: one step after the other, each recorded before the next, by any process."""

import time
from collections.abc import Callable, Sequence

import structlog

from schemas.events import orders as events
from schemas.events.base import Event
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.payments import PaymentsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, RemoteFailure, ServiceUnavailable
from services.orders.domain import parcels, saga
from services.orders.domain.order import Order
from services.orders.domain.saga import Step
from services.orders.fulfilment import Fulfilment, rejected_shipment
from services.orders.payment_steps import PaymentSteps
from services.orders.stock_steps import StockSteps
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
        self,
        store: OrderStore,
        inventory: InventoryRpc,
        payments: PaymentsRpc,
        fulfilment: Fulfilment,
        capture_at_once: bool = True,
    ) -> None:
        self.store = store
        stock, payment = StockSteps(inventory, self._close_superseded), PaymentSteps(payments, capture_at_once)
        self._steps: dict[Step, Callable[[StoredOrder], Sequence[Event]]] = {
            Step.RESERVE: stock.reserve,
            Step.CHARGE: payment.charge,
            Step.CHECK_PAYMENT: payment.check_payment,
            Step.CAPTURE: payment.capture,
            Step.CONFIRM: self._confirm,
            Step.REVERSE_PAYMENT: payment.reverse_payment,
            Step.RELEASE: stock.release,
            Step.END: self._end,
            Step.CREATE_SHIPMENT: fulfilment.create_shipment,
            Step.REFUND_LINES: payment.refund_lines,
            Step.RETURN_LINES: stock.return_lines,
        }

    def drive(self, stored: StoredOrder, until: float) -> Order:
        """Execute steps until the order is at rest, waits for the customer, or the monotonic clock reaches `until`;
        or until another process has recorded something, which then drives it.
        """
        reached = stored
        unrecorded: list[Event] = []  # `reached` is the order after them
        while (step := saga.next_step(reached.order)) and time.monotonic() < until:
            try:
                happened = self._steps[step](reached)
            except DomainError as refusal:
                if is_outcome_unknown(refusal):
                    self._schedule_retry(stored, step, refusal)
                    break
                happened = [refused(reached, step, refusal)]
            else:
                if step in saga.RECORDED_WITH_NEXT:
                    unrecorded += happened
                    reached = reached.after(happened, clock.now())
                    continue
            if not happened:
                self.store.postpone(stored.order.id, stored.order.version, saga.PAYMENT_CHECK)
                break
            try:
                reached = stored = self.store.append(stored, [*unrecorded, *happened], clock.now())
            except VersionConflict:
                return self.store.read(stored.order.id).order
            unrecorded = []
            if step is Step.CHARGE and stored.order.status == "awaiting_payment":
                break
        return stored.order

    def _schedule_retry(self, stored: StoredOrder, step: Step, reason: DomainError) -> None:
        delay = saga.delay(stored.attempts + 1)
        log.warning(
            "step_retry_scheduled", order_id=stored.order.id, step=step, seconds=delay.total_seconds(), why=str(reason)
        )
        self.store.postpone(stored.order.id, stored.order.version, delay)

    def _close_superseded(self, order_id: str) -> None:
        """Close the order that this one replaces, so that its stock is free. Raises `ServiceUnavailable` if it takes
        longer.
        """
        superseded = self.drive(self.store.read(order_id), time.monotonic() + CLOSE_SECONDS)
        if saga.next_step(superseded) is not None:
            raise ServiceUnavailable("The order that this one replaces is being closed")

    @staticmethod
    def _confirm(stored: StoredOrder) -> Sequence[Event]:
        return [saga.confirmed(stored.order)]

    @staticmethod
    def _end(stored: StoredOrder) -> Sequence[Event]:
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
