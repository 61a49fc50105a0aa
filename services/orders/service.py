"""Orders service: checkout saga, cancellation, fulfilment, lists."""

import time
from collections.abc import Sequence
from typing import Any

from schemas.api.orders import (
    CancelOrder,
    CreateOrderShipment,
    OrderQuery,
    PlaceOrder,
    ResolveOrder,
    SetStatus,
    StuckQuery,
)
from schemas.api.shipping import Shipment
from schemas.base import Caller, Idempotency, RebuildProgress
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.events.payments import PaymentAuthorized, PaymentDeclined, PaymentRefunded
from schemas.events.shipping import ShipmentMoved
from schemas.rpc.cart import CartRpc
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.orders import OrdersRpc
from schemas.rpc.payments import PaymentsRpc
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common import clock
from services.chassis.common.context import remaining, within
from services.chassis.common.errors import (
    DOMAIN_ERRORS,
    DomainError,
    InvalidState,
    NotFound,
    PaymentActionRequired,
)
from services.chassis.common.ids import derived_id, is_id, new_id
from services.chassis.common.paging import Paging, page
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.chassis.stores.postgres import Postgres
from services.orders import placement
from services.orders.checkout import Checkout, is_outcome_unknown, refunded
from services.orders.domain import cancelling, lifecycle, parcels, saga
from services.orders.domain.order import Order
from services.orders.domain.view import as_history, as_reply, as_stuck
from services.orders.fulfilment import (
    Fulfilment,
    events_of_step,
    following,
    rejected_shipment,
    requested_shipment,
)
from services.orders.readmodel import OrderReadModel
from services.orders.resumption import resume_all
from services.orders.settings import OrderSettings
from services.orders.store import OrderStore, StoredOrder, VersionConflict

REBUILD_BATCH = 200
LIST_EVENTS = (
    events.OrderPaymentActionRequired,
    events.OrderConfirmed,
    events.OrderFailed,
    events.OrderCancelled,
    events.OrderProcessing,
    events.OrderShipped,
    events.OrderDelivered,
    events.OrderReturned,
    events.OrderLinesCancelled,
)
"""Events, beside the placement, that change what lists show."""
BATCH = 200
FINAL_SHIPMENT_STATUSES = ("delivered", "returned", "lost")


class OrdersService(Service):
    name = "orders"

    store = Postgres(OrderStore)
    lists = Mongo(OrderReadModel)
    cart = Remote(CartRpc)
    shipping = Remote(ShippingRpc)
    inventory = Remote(InventoryRpc, deadline=4.0)
    payments = Remote(PaymentsRpc, deadline=8.0)
    settings = Configured(OrderSettings)

    @implements(OrdersRpc.place_order)
    def place_order(self, command: PlaceOrder) -> Json:
        seconds = self._time_to_answer()
        until = time.monotonic() + seconds
        existing_id = self.store.order_of(command.idempotency)
        if existing_id is None:
            with within(seconds):
                stored, created = placement.place(command, self.store, self.cart, self.shipping, self.settings)
                order = self._checkout().drive(stored, until) if created else stored.order
                order = self._wait_for(order.id, until) if _is_driven(order) else order
            if created and order.status == "confirmed":
                placement.empty_cart(order, self.cart)
        else:
            order = self._wait_for(existing_id, until)
        return self._outcome(order, command.caller)

    @implements(OrdersRpc.get_order)
    def get_order(self, order_id: str, caller: Caller) -> Json:
        return as_reply(self._read_for(order_id, caller).order)

    @implements(OrdersRpc.list_orders)
    def list_orders(self, query: OrderQuery, caller: Caller) -> Json:
        return self.lists.list(query, caller)

    @implements(OrdersRpc.history)
    def history(self, order_id: str, caller: Caller) -> list[dict[str, Any]]:
        self._read_for(order_id, caller)
        return [as_history(envelope) for envelope in self.store.history(order_id)]

    @implements(OrdersRpc.cancel)
    def cancel(self, command: CancelOrder) -> Json:
        seconds, key, caller = self._time_to_answer(), command.idempotency, command.caller
        until = time.monotonic() + seconds
        stored = self._read_for(command.order_id, caller)
        owns = self._owns(stored.order, caller)
        wanted = None if command.lines is None else [(line.sku, line.quantity) for line in command.lines]
        recorded = self.store.order_of(key) is not None
        while not recorded and stored.order.cancellation is None:
            request = cancelling.request(stored.order, caller, owns, wanted, command.reason, new_id())
            stored, recorded = self._record(stored, [request], key)
        with within(seconds):
            return as_reply(self._checkout().drive(stored, until))

    @implements(OrdersRpc.set_status)
    def set_status(self, command: SetStatus) -> Json:
        stored = self._read(command.order_id)
        lifecycle.check_fulfils(stored.order, command.caller)
        while stored.order.status != command.status:
            requested = parcels.requested_shipment(stored.order)
            if requested is not None:
                stored, _ = self._create_shipment(stored, requested.id)
            else:
                lifecycle.check_step(stored.order, command.status)
                happened = events_of_step(stored.order, command, Fulfilment(self.shipping))
                stored, _ = self._record(stored, happened)
        return as_reply(stored.order)

    @implements(OrdersRpc.create_shipment)
    def create_shipment(self, command: CreateOrderShipment) -> Shipment:
        stored, key = self._read(command.order_id), command.idempotency
        shipment_id = derived_id(f"{key.owner}:{key.key}") if key else new_id()
        recorded = self.store.order_of(key) is not None
        while not recorded:
            if (repeated := parcels.with_number(stored.order, command.tracking_number)) is not None:
                shipment_id = repeated.id
                break
            request = requested_shipment(stored.order, command, shipment_id)
            stored, recorded = self._record(stored, [request], key)
        return self._create_shipment(stored, shipment_id)[1]

    @implements(OrdersRpc.stuck)
    def stuck(self, query: StuckQuery, caller: Caller) -> Json:
        paging = Paging(query.page, query.limit)
        orders, total = self.store.stuck(paging.limit, paging.offset)
        return page([as_stuck(stored.order, stored.attempts) for stored in orders], total, paging)

    @implements(OrdersRpc.resume)
    def resume(self, command: ResolveOrder) -> Json:
        stored = self._read_suspended(command.order_id)
        resumed = events.OrderResumed(
            order_id=command.order_id, requested_by=str(command.caller.user_id), reason=command.reason
        )
        return self._resolve(stored, [resumed])

    @implements(OrdersRpc.end)
    def end(self, command: ResolveOrder) -> Json:
        stored = self._read_suspended(command.order_id)
        settled = events.OrderStepSettled(
            order_id=command.order_id,
            step=stored.order.suspension.step if stored.order.suspension else "",
            requested_by=str(command.caller.user_id),
            reason=command.reason,
        )
        return self._resolve(stored, [settled, *following(stored.order, settled)])

    @implements(OrdersRpc.rebuild_read_model)
    def rebuild_read_model(self, cursor: str | None = None) -> RebuildProgress:
        order_ids = self.store.ids_after(cursor, REBUILD_BATCH)
        self.lists.put(self.store.fold_many(order_ids), again=True)
        return RebuildProgress(done=len(order_ids), next=order_ids[-1] if len(order_ids) == REBUILD_BATCH else None)

    @every(seconds=1)
    def resume_sagas(self) -> None:
        """Resume sagas whose process died or whose step had to wait."""
        resume_all(self.store, self._checkout())

    @on_event(PaymentAuthorized)
    def payment_was_confirmed(self, event: PaymentAuthorized) -> None:
        """Resume an order whose payment the customer has confirmed."""
        self._record_payment_result(event.order_id)

    @on_event(PaymentDeclined)
    def payment_was_declined(self, event: PaymentDeclined) -> None:
        """Resume an order whose payment was declined."""
        self._record_payment_result(event.order_id)

    @on_event(PaymentRefunded)
    def payment_was_refunded(self, event: PaymentRefunded) -> None:
        """Record a refund made by an administrator; the saga's own refunds are recorded already."""
        stored = self.store.read(event.order_id)
        while stored.order.refunded < event.refunded and not stored.order.is_undoing:
            stored, _ = self._record(stored, [refunded(event)])
        self._drive(stored)

    @on_event(ShipmentMoved)
    def shipment_was_moved(self, event: ShipmentMoved) -> None:
        """Record that a shipment of an order was delivered, returned or lost."""
        if event.status not in FINAL_SHIPMENT_STATUSES:
            return
        stored = self.store.read(event.order_id)
        while any(item.id == event.shipment_id and item.status != event.status for item in stored.order.shipments):
            moved = events.OrderShipmentMoved(
                order_id=event.order_id, shipment_id=event.shipment_id, status=event.status
            )
            stored, _ = self._record(stored, [moved, *following(stored.order, moved)])
        self._drive(stored)

    @on_batch(*LIST_EVENTS, size=BATCH, seconds=0.2)
    def project(self, events: list[Event]) -> None:
        """Update the read model of the orders that the events belong to."""
        self.lists.put(self.store.fold_many(sorted({event.subject for event in events})))

    @on_batch(events.OrderPlaced, size=BATCH, seconds=0.6)
    def project_placed(self, placed_events: list[events.OrderPlaced]) -> None:
        """Add placed orders to the read model, unless they have advanced: then their next event does."""
        if pending := self.store.pending_among({event.subject for event in placed_events}):
            self.lists.put(self.store.fold_many(pending))

    # -- how it is done ------------------------------------------------------------------------------------------

    def _checkout(self) -> Checkout:
        return Checkout(self.store, self.inventory, self.payments, Fulfilment(self.shipping))

    def _drive(self, stored: StoredOrder) -> Order:
        """Drive an order that this process has recorded something of: another one's driver has stopped there."""
        return self._checkout().drive(stored, time.monotonic() + saga.RETRY[-1].total_seconds())

    def _time_to_answer(self) -> float:
        """Seconds in which the outcome must be known; after that the order is replied in its current state."""
        seconds = config.setting("orders.answer_within_seconds", self.settings.answer_within)
        return min(float(seconds), remaining(60) - 0.5)

    def _create_shipment(self, stored: StoredOrder, shipment_id: str) -> tuple[StoredOrder, Shipment]:
        """Create a requested shipment now. One that shipping refuses is recorded as such, and the refusal raised."""
        shipment = next(item for item in stored.order.shipments if item.id == shipment_id)
        if shipment.status == "rejected":
            raise InvalidState("This shipment was refused", [{"shipment_id": shipment_id}])
        try:
            reply, happened = Fulfilment(self.shipping).create(stored.order, shipment)
        except DomainError as refusal:
            if not is_outcome_unknown(refusal):
                self._record(stored, [rejected_shipment(stored.order, shipment_id, refusal)])
            raise
        if happened:
            stored, _ = self._record(stored, happened)
        return stored, reply

    def _wait_for(self, order_id: str, until: float) -> Order:
        """Wait for an order that another process or request drives."""
        while True:
            order = self.store.read(order_id).order
            if not _is_driven(order) or time.monotonic() >= until:
                return order
            time.sleep(0.05)

    def _outcome(self, order: Order, caller: Caller) -> dict[str, Any]:
        if order.failure is not None:
            failure = order.failure
            details = [{**detail, "order_id": order.id} for detail in failure.details] or [{"order_id": order.id}]
            raise DOMAIN_ERRORS.get(failure.code, InvalidState)(failure.reason, details)
        if order.status == "awaiting_payment" and order.payment_status == "requires_action":
            payment = self.payments.status_of(payment_id=order.placed.payment_id)
            detail = {"client_secret": payment.client_secret, "order_id": order.id} | self._access_key(order)
            raise PaymentActionRequired(details=[detail])
        return as_reply(order) | self._access_key(order)

    def _access_key(self, order: Order) -> dict[str, str]:
        """The key with which a guest reads the order; empty for a customer's."""
        if order.placed.user_id is not None:
            return {}
        return {"access_key": placement.access_key(self.settings.secret_key, order.id)}

    def _read(self, order_id: str) -> StoredOrder:
        if not is_id(order_id):
            raise NotFound("There is no such order")
        return self.store.read(order_id)

    def _read_for(self, order_id: str, caller: Caller) -> StoredOrder:
        stored = self._read(order_id)
        lifecycle.check_owner(stored.order, caller, self._holds_key(order_id, caller))
        return stored

    def _read_suspended(self, order_id: str) -> StoredOrder:
        stored = self._read(order_id)
        if stored.order.suspension is None:
            raise InvalidState("This order is not suspended", [{"status": stored.order.status}])
        return stored

    def _owns(self, order: Order, caller: Caller) -> bool:
        return lifecycle.is_owner(order, caller, self._holds_key(order.id, caller))

    def _holds_key(self, order_id: str, caller: Caller) -> bool:
        return placement.is_access_key(self.settings.secret_key, order_id, caller.order_key)

    def _resolve(self, stored: StoredOrder, happened: Sequence[Event]) -> Json:
        """Record what a person has decided, and go on. Raises `Conflict` when the order has changed meanwhile."""
        stored = self.store.append(stored, happened, clock.now())
        return as_reply(self._drive(stored))

    def _record(
        self, stored: StoredOrder, happened: Sequence[Event], key: Idempotency | None = None
    ) -> tuple[StoredOrder, bool]:
        """Append the events; on a conflict return the current order and False, for a new decision."""
        try:
            return self.store.append(stored, happened, clock.now(), key=key), True
        except VersionConflict:
            return self.store.read(stored.order.id), False

    def _record_payment_result(self, order_id: str) -> None:
        if self.store.status_of(order_id) == "awaiting_payment":
            self._drive(self.store.read(order_id))


def _is_driven(order: Order) -> bool:
    """Whether a process works on the order: it neither rests nor waits for the customer."""
    return saga.next_step(order) is not None and order.status != "awaiting_payment"
