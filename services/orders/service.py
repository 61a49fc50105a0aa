"""Orders service: checkout saga, cancellation, fulfilment, lists."""

import time
from typing import Any

from schemas.api.orders import (
    CancelOrder,
    CreateOrderShipment,
    OrderQuery,
    PlaceOrder,
    SetStatus,
)
from schemas.api.shipping import Shipment
from schemas.api.stuck_orders import ResolveOrder, StuckQuery
from schemas.base import RebuildProgress
from schemas.caller import Caller
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.events.inventory import ReservationOverdue
from schemas.events.payments import (
    PaymentAuthorized,
    PaymentDeclined,
    PaymentDisputeClosed,
    PaymentDisputeOpened,
    PaymentRefunded,
    PaymentRefundFailed,
)
from schemas.events.shipping import ShipmentMoved
from schemas.permissions.permission import Permission
from schemas.rpc.cart import CartRpc
from schemas.rpc.inventory import InventoryRpc
from schemas.rpc.orders import OrdersRpc
from schemas.rpc.payments import PaymentsRpc
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common.context import remaining, within
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
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
from services.orders.checkout import Checkout
from services.orders.commands import OrderCommands
from services.orders.domain import lifecycle, saga
from services.orders.domain.order import Order
from services.orders.domain.vendor_view import events_by_vendor, for_vendor, history_for_vendor
from services.orders.domain.view import as_history, as_reply, as_stuck
from services.orders.fulfilment import Fulfilment
from services.orders.outcomes import outcome_of_placement
from services.orders.personal_data import PersonalDataMethods
from services.orders.readmodel import LIST_EVENTS, OrderReadModel
from services.orders.resumption import resume_all
from services.orders.settings import OrderSettings
from services.orders.store import OrderStore, StoredOrder

REBUILD_BATCH = 200
REPLY_MARGIN_SECONDS = 1.0
"""How much earlier than its deadline an order is answered with 202: for the way back, on a busy machine too."""
BATCH = 200
FINAL_SHIPMENT_STATUSES = ("delivered", "returned", "lost")


class OrdersService(PersonalDataMethods, Service):
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
        with within(seconds):
            existing_id, number = self.store.begin_placement(command.idempotency)
            if existing_id is not None:
                order = self._wait_for(existing_id, until)
                return outcome_of_placement(order, self.payments, self.settings.secret_key)
            stored, created = placement.place(command, number, self.store, self.cart, self.shipping, self.settings)
            order = self._drive_until(until, stored) if created else self._wait_for(stored.order.id, until)
            if created and order.status == "confirmed":
                placement.empty_cart(order, self.cart)
        return outcome_of_placement(order, self.payments, self.settings.secret_key)

    @implements(OrdersRpc.get_order)
    def get_order(self, order_id: str, caller: Caller) -> Json:
        return self._reply_to(caller, self._read_for(order_id, caller).order)

    @implements(OrdersRpc.list_orders)
    def list_orders(self, query: OrderQuery, caller: Caller) -> Json:
        return self.lists.list(query, caller)

    @implements(OrdersRpc.list_uncounted)
    def list_uncounted(self, query: OrderQuery, caller: Caller) -> Json:
        return self.lists.list(query, caller, counted=False)

    @implements(OrdersRpc.history)
    def history(self, order_id: str, caller: Caller) -> list[dict[str, Any]]:
        order = self._read_for(order_id, caller).order
        entries = [as_history(envelope) for envelope in self.store.history(order_id)]
        return entries if self._sees_all(order, caller) else history_for_vendor(entries, order, str(caller.user_id))

    @implements(OrdersRpc.vendor_events)
    def vendor_events(self, order_id: str, event_ids: list[str]) -> list[dict[str, Any]]:
        order = self._read(order_id).order
        entries = [as_history(envelope) for envelope in self.store.history(order_id) if envelope["id"] in event_ids]
        return events_by_vendor(entries, order)

    @implements(OrdersRpc.cancel)
    def cancel(self, command: CancelOrder) -> Json:
        seconds = self._time_to_answer()
        until = time.monotonic() + seconds
        stored = self._read_for(command.order_id, command.caller)
        owns = lifecycle.is_owner(stored.order, command.caller, self._holds_key(command.order_id, command.caller))
        stored = self._commands().cancel(stored, command, owns)
        with within(seconds):
            return self._reply_to(command.caller, self._drive_until(until, stored))

    @implements(OrdersRpc.set_status)
    def set_status(self, command: SetStatus) -> Json:
        return self._reply_to(command.caller, self._commands().set_status(self._read(command.order_id), command))

    @implements(OrdersRpc.create_shipment)
    def create_shipment(self, command: CreateOrderShipment) -> Shipment:
        return self._commands().create_shipment(self._read(command.order_id), command)

    @implements(OrdersRpc.stuck)
    def stuck(self, query: StuckQuery, caller: Caller) -> Json:
        paging = Paging(query.page, query.limit)
        orders, total = self.store.stuck(paging.limit, paging.offset)
        return page([as_stuck(stored.order, stored.attempts) for stored in orders], total, paging)

    @implements(OrdersRpc.resume)
    def resume(self, command: ResolveOrder) -> Json:
        return as_reply(self._drive(self._commands().resume(self._read(command.order_id), command)))

    @implements(OrdersRpc.end)
    def end(self, command: ResolveOrder) -> Json:
        return as_reply(self._drive(self._commands().end(self._read(command.order_id), command)))

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
        self._drive(self._commands().record_refunds(event.order_id))

    @on_event(PaymentRefundFailed)
    def refund_has_failed(self, event: PaymentRefundFailed) -> None:
        """Record that a refund came back."""
        self._drive(self._commands().record_refunds(event.order_id))

    @on_event(PaymentDisputeOpened, PaymentDisputeClosed)
    def payment_was_disputed(self, event: PaymentDisputeOpened | PaymentDisputeClosed) -> None:
        """Record a dispute in the order's timeline; its end resumes an order that was suspended for it."""
        self._drive(self._commands().record_dispute(event))

    @on_event(ReservationOverdue)
    def answer_overdue_reservation(self, event: ReservationOverdue) -> None:
        """Commit the stock of a confirmed order, free that of one that has ended or was never placed; others wait."""
        match lifecycle.stock_claim(self.store.status_of(event.order_id)):
            case "sold":
                self.inventory.commit(order_id=event.order_id)
            case "none":
                self.inventory.expire(order_id=event.order_id)

    @on_event(ShipmentMoved)
    def shipment_was_moved(self, event: ShipmentMoved) -> None:
        """Record that a shipment of an order was delivered, returned or lost."""
        if event.status in FINAL_SHIPMENT_STATUSES:
            self._drive(self._commands().record_move(event))

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
        return Checkout(
            self.store,
            self.inventory,
            self.payments,
            Fulfilment(self.shipping),
            self.settings.capture_at_once,
        )

    def _commands(self) -> OrderCommands:
        return OrderCommands(self.store, self.payments, Fulfilment(self.shipping))

    def _drive(self, stored: StoredOrder) -> Order:
        """Drive an order that this process has recorded something of: another one's driver has stopped there."""
        return self._checkout().drive(stored, time.monotonic() + saga.RETRY[-1].total_seconds())

    def _drive_until(self, until: float, stored: StoredOrder) -> Order:
        """Drive an order, and wait for it where another process has taken it over."""
        order = self._checkout().drive(stored, until)
        return self._wait_for(order.id, until) if _is_driven(order) else order

    def _time_to_answer(self) -> float:
        """Seconds in which the outcome must be known; after that the order is replied in its current state."""
        seconds = config.setting("orders.answer_within_seconds", self.settings.answer_within)
        return min(float(seconds), remaining(60) - REPLY_MARGIN_SECONDS)

    def _wait_for(self, order_id: str, until: float) -> Order:
        """Wait for an order that another process or request drives."""
        while True:
            order = self.store.read(order_id).order
            if not _is_driven(order) or time.monotonic() >= until:
                return order
            time.sleep(0.1)

    def _read(self, order_id: str) -> StoredOrder:
        if not is_id(order_id):
            raise NotFound("There is no such order")
        return self.store.read(order_id)

    def _read_for(self, order_id: str, caller: Caller) -> StoredOrder:
        stored = self._read(order_id)
        lifecycle.check_owner(stored.order, caller, self._holds_key(order_id, caller))
        return stored

    def _sees_all(self, order: Order, caller: Caller) -> bool:
        """Whether the caller may read the whole order; a vendor who sells in it reads own lines only."""
        may_read_any = caller.may(Permission.ORDERS_READ_ANY) or caller.may(Permission.ORDERS_MANAGE)
        return may_read_any or lifecycle.is_owner(order, caller, self._holds_key(order.id, caller))

    def _reply_to(self, caller: Caller, order: Order) -> Json:
        reply = as_reply(order)
        return reply if self._sees_all(order, caller) else for_vendor(reply, order, str(caller.user_id))

    def _holds_key(self, order_id: str, caller: Caller) -> bool:
        return placement.is_access_key(self.settings.secret_key, order_id, caller.order_key)

    def _record_payment_result(self, order_id: str) -> None:
        if self.store.status_of(order_id) == "awaiting_payment":
            self._drive(self.store.read(order_id))


def _is_driven(order: Order) -> bool:
    """Whether a process works on the order: it neither rests nor waits for the customer."""
    return saga.next_step(order) is not None and order.status != "awaiting_payment"
