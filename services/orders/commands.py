"""Commands on placed orders: cancel, ship, set a status, resolve a suspended saga. Each decides on the order as it is,
and records its decision at that version; after a conflict it decides anew.
"""

from collections.abc import Sequence
from typing import Any

from schemas.api.orders import CancelOrder, CreateOrderShipment, SetStatus
from schemas.api.shipping import Shipment
from schemas.api.stuck_orders import ResolveOrder
from schemas.base import Idempotency
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.events.payments import (
    PaymentDisputeClosed,
    PaymentDisputeOpened,
)
from schemas.events.shipping import ShipmentMoved
from schemas.rpc.payments import PaymentsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, InvalidState
from services.chassis.common.ids import derived_id, new_id
from services.orders.checkout import is_outcome_unknown
from services.orders.domain import cancelling, lifecycle, parcels
from services.orders.domain.order import Order, Suspension
from services.orders.domain.saga import Step
from services.orders.fulfilment import (
    Fulfilment,
    events_of_step,
    following,
    rejected_shipment,
    requested_shipment,
)
from services.orders.payment_steps import refunded
from services.orders.store import OrderStore, StoredOrder, VersionConflict


class OrderCommands:
    """Records what was requested. What then remains to be done is the saga's: the caller drives it."""

    def __init__(self, store: OrderStore, payments: PaymentsRpc, fulfilment: Fulfilment) -> None:
        self.store = store
        self.payments = payments
        self.fulfilment = fulfilment

    def cancel(self, stored: StoredOrder, command: CancelOrder, owns: bool) -> StoredOrder:
        """Request the cancellation of the order or of lines; `owns`: the caller is its customer. Raises as
        `cancelling.request`.
        """
        key, caller = command.idempotency, command.caller
        lines = None if command.lines is None else [(line.sku, line.quantity) for line in command.lines]
        recorded = self.store.order_of(key) is not None
        while not recorded and stored.order.cancellation is None:
            request = cancelling.request(stored.order, caller, owns, lines, command.reason, new_id())
            stored, recorded = self._record(stored, [request], key)
        return stored

    def set_status(self, stored: StoredOrder, command: SetStatus) -> Order:
        """Advance the fulfilment. Raises `InvalidState`, `Forbidden`, `NotFound`, and what shipping refuses."""
        lifecycle.check_fulfils(stored.order, command.caller)
        while stored.order.status != command.status:
            requested = parcels.requested_shipment(stored.order)
            if requested is not None:
                stored, _ = self._create_shipment(stored, requested.id)
            else:
                lifecycle.check_step(stored.order, command.status)
                stored, _ = self._record(stored, events_of_step(stored.order, command, self.fulfilment))
        return stored.order

    def create_shipment(self, stored: StoredOrder, command: CreateOrderShipment) -> Shipment:
        """Request a shipment and create it. Raises as `parcels.contents`, and what shipping refuses."""
        key = command.idempotency
        shipment_id = derived_id(f"{key.owner}:{key.key}") if key else new_id()
        recorded = self.store.order_of(key) is not None
        if recorded:  # perhaps by a twin, after the order was read
            stored = self.store.read(stored.order.id)
        while not recorded:
            number, items, caller = command.tracking_number, command.items, command.caller
            if (repeated := parcels.repeated_shipment(stored.order, number, items, caller)) is not None:
                shipment_id = repeated.id
                break
            request = requested_shipment(stored.order, command, shipment_id)
            stored, recorded = self._record(stored, [request], key)
        return self._create_shipment(stored, shipment_id)[1]

    def resume(self, stored: StoredOrder, command: ResolveOrder) -> StoredOrder:
        """Have the refused step tried again. Raises `InvalidState` unless the order is suspended."""
        _suspension(stored.order)
        requested_by = str(command.caller.user_id)
        resumed = events.OrderResumed(order_id=stored.order.id, requested_by=requested_by, reason=command.reason)
        return self.store.append(stored, [resumed], clock.now())

    def end(self, stored: StoredOrder, command: ResolveOrder) -> StoredOrder:
        """Settle the refused step, which a person has done. Raises `InvalidState` unless the order is suspended."""
        settled = events.OrderStepSettled(
            order_id=stored.order.id,
            step=_suspension(stored.order).step,
            requested_by=str(command.caller.user_id),
            reason=command.reason,
        )
        return self.store.append(stored, [settled, *following(stored.order, settled)], clock.now())

    def record_refunds(self, order_id: str) -> StoredOrder:
        """Record what is refunded in total, until the order says the same as its payment.

        The payment decides, not the event: refunds are made and come back, and their events arrive in any order.
        """
        stored = self.store.read(order_id)
        while not stored.order.is_undoing:
            amount = self.payments.status_of(payment_id=stored.order.placed.payment_id).refunded
            if amount == stored.order.refunded:
                break
            stored, _ = self._record(stored, [refunded(stored.order, amount)])
        return stored

    def record_dispute(self, event: PaymentDisputeOpened | PaymentDisputeClosed) -> StoredOrder:
        """Record a dispute's beginning or end, once. Its end resumes an order that was suspended for it."""
        outcome = event.outcome if isinstance(event, PaymentDisputeClosed) else "opened"
        stored = self.store.read(event.order_id)
        while (event.dispute_id, outcome) not in stored.order.disputes:
            disputed = events.OrderPaymentDisputed(
                order_id=event.order_id,
                payment_id=event.payment_id,
                dispute_id=event.dispute_id,
                outcome=outcome,
                amount=event.amount,
                currency=event.currency,
            )
            happened: list[Event] = [disputed]
            if outcome != "opened" and _waits_for_payment(stored.order):
                reason = f"The payment's dispute was {outcome}"
                happened.append(events.OrderResumed(order_id=event.order_id, requested_by="payments", reason=reason))
            stored, _ = self._record(stored, happened)
        return stored

    def record_move(self, event: ShipmentMoved) -> StoredOrder:
        """Record the status of one of the order's shipments, and the order's status that follows."""
        stored = self.store.read(event.order_id)
        while any(
            item.id == event.shipment_id and parcels.may_become(item, event.status) for item in stored.order.shipments
        ):
            moved = events.OrderShipmentMoved(
                order_id=event.order_id, shipment_id=event.shipment_id, status=event.status
            )
            stored, _ = self._record(stored, [moved, *following(stored.order, moved)])
        return stored

    def _create_shipment(self, stored: StoredOrder, shipment_id: str) -> tuple[StoredOrder, Shipment]:
        """Create a requested shipment now. One that shipping refuses is recorded as such, and the refusal raised."""
        shipment = next(item for item in stored.order.shipments if item.id == shipment_id)
        if shipment.status == "rejected":
            raise InvalidState("This shipment was refused", [{"shipment_id": shipment_id}])
        try:
            reply, happened = self.fulfilment.create(stored.order, shipment)
        except DomainError as refusal:
            if not is_outcome_unknown(refusal):
                self._record(stored, [rejected_shipment(stored.order, shipment_id, refusal)])
            raise
        if happened:
            stored, _ = self._record(stored, happened)
        return stored, reply

    def _record(
        self, stored: StoredOrder, happened: Sequence[Any], key: Idempotency | None = None
    ) -> tuple[StoredOrder, bool]:
        """Append the events; on a conflict return the current order and False, for a new decision."""
        try:
            return self.store.append(stored, happened, clock.now(), key=key), True
        except VersionConflict:
            return self.store.read(stored.order.id), False


def _waits_for_payment(order: Order) -> bool:
    """Whether a person was asked about a refund or void that the provider refused."""
    return order.suspension is not None and order.suspension.step in (Step.REVERSE_PAYMENT, Step.REFUND_LINES)


def _suspension(order: Order) -> Suspension:
    if order.suspension is None:
        raise InvalidState("This order is not suspended", [{"status": order.status}])
    return order.suspension
