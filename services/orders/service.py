"""Orders: placed once, carried through by a saga, cancelled, fulfilled, listed."""

import time
from typing import Annotated, Any

import structlog
from pydantic import Field

from schemas.api.orders import CancelOrder, OrderQuery, PlaceOrder, SetStatus
from schemas.api.shipping import ShipmentLine
from schemas.base import Caller
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.events.payments import PaymentAuthorized, PaymentDeclined, PaymentRefunded
from services.chassis.common import clock
from services.chassis.common.context import remaining, within
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import (
    DOMAIN_ERRORS,
    InvalidState,
    NotFound,
    PaymentActionRequired,
    ServiceUnavailable,
    Unauthenticated,
)
from services.chassis.common.ids import is_id
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.rpc import Remote, rpc
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.chassis.stores.postgres import Postgres
from services.orders import placing
from services.orders.checkout import Checkout, refunded
from services.orders.domain import lifecycle, parcels, saga
from services.orders.domain.order import Order
from services.orders.domain.view import as_history, as_reply
from services.orders.fulfilment import step_taken
from services.orders.readmodel import OrderReadModel
from services.orders.settings import OrderSettings
from services.orders.store import OrderStore, Stored, VersionConflict

log = structlog.get_logger()

ShipmentLines = Annotated[list[ShipmentLine], Field(max_length=200)]
REBUILD_PORTION = 200
SHOWN_IN_LISTS = (
    events.OrderPaymentActionRequired,
    events.OrderConfirmed,
    events.OrderFailed,
    events.OrderCancelled,
    events.OrderProcessing,
    events.OrderShipped,
    events.OrderDelivered,
    events.OrderReturned,
)
"""The events that change what a list shows, beside the placement; the steps in between matter to the order alone."""
BATCH = 200


class OrdersService(Service):
    name = "orders"

    store = Postgres(OrderStore)
    lists = Mongo(OrderReadModel)
    cart = Remote("cart")
    shipping = Remote("shipping")
    inventory = Remote("inventory", deadline=4.0)
    payments = Remote("payments", deadline=8.0)
    settings = Configured(OrderSettings)

    @rpc
    def place_order(self, command: PlaceOrder) -> dict[str, Any]:
        """Buy the caller's cart.

        Idempotent under `command.idempotency`: the same command finds the same order, however far it has come.
        Replies the order: confirmed, or still `pending`/`awaiting_payment` when the outcome is not known within 5 s.
        Raises `PaymentDeclined`, `PaymentActionRequired` or `OutOfStock` (with `order_id`) for an order that came to
        nothing; `PriceChanged`, `ValidationFailed` or `NotFound` before there is one.
        """
        seconds = self._time_to_answer()
        until = time.monotonic() + seconds
        known = self.store.placed_with(command.idempotency)
        if known is None:
            with within(seconds):
                stored, by_us = placing.place(command, self.store, self.cart, self.shipping, self.settings)
                order = self._checkout().drive(stored, until) if by_us else self._wait_for(stored.order.id, until)
            if by_us and order.status == "confirmed":
                placing.empty_cart(order, self.cart)
        else:
            order = self._wait_for(known, until)
        return self._outcome(order, command.caller)

    @rpc
    def get_order(self, order_id: str, caller: Caller) -> dict[str, Any]:
        """The caller's own order as it is now. Raises `NotFound` for one that isn't there or isn't theirs."""
        return as_reply(self._own(order_id, caller).order)

    @rpc
    def list_orders(self, query: OrderQuery, caller: Caller) -> dict[str, Any]:
        """A page of the caller's orders, an administrator's of all: at most a second behind."""
        if caller.user_id is None:
            raise Unauthenticated()
        return self.lists.list(query, caller)

    @rpc
    def history(self, order_id: str, caller: Caller) -> list[dict[str, Any]]:
        """The order's events, oldest first."""
        self._own(order_id, caller)
        return [as_history(wrapped) for wrapped in self.store.history(order_id)]

    @rpc
    def cancel(self, command: CancelOrder) -> dict[str, Any]:
        """Undo an order that has not left the house: the money goes back, then the goods.

        Idempotent: an order that is cancelled already is replied as it is. Raises `InvalidState`, `NotFound`.
        """
        seconds = self._time_to_answer()
        until = time.monotonic() + seconds
        stored = self._own(command.order_id, command.caller)
        while stored.order.cancellation is None:
            lifecycle.check_cancellable(stored.order)
            by = command.caller.user_id or "guest"
            request = events.OrderCancellationRequested(
                order_id=command.order_id, requested_by=by, reason=command.reason
            )
            stored = self._record(stored, request)
        with within(seconds):
            return as_reply(self._checkout().drive(stored, until))

    @rpc
    def set_status(self, command: SetStatus) -> dict[str, Any]:
        """Take an order one step further in its fulfilment; shipping it makes a shipment with a tracking number.

        Raises `InvalidState` for a step that the order can't take, `Forbidden`, `NotFound`.
        """
        stored = self._read(command.order_id)
        lifecycle.check_fulfils(stored.order, command.caller)
        while stored.order.status != command.status:
            lifecycle.check_step(stored.order, command.status)
            stored = self._record(stored, step_taken(stored.order, command, self.shipping))
        return as_reply(stored.order)

    @rpc
    def parcel(self, order_id: str, caller: Caller, items: ShipmentLines) -> dict[str, Any]:
        """What the caller sends of an order (`items`, or all that is theirs to send), where to, and for whom.

        Raises `NotFound`, `Forbidden`, `InvalidState`, `ValidationFailed`: see `domain.parcels`.
        """
        order = self._read(order_id).order
        placed = order.placed
        return {
            "items": [line.model_dump() for line in parcels.contents(order, items, caller)],
            "address": placed.shipping_address,
            "method": placed.shipping_method,
            "user_id": placed.user_id,
        }

    @rpc
    def rebuild_read_model(self, cursor: str | None = None) -> dict[str, Any]:
        """Make the next portion of the lists anew from the events; go on with the reply's `next` until it is null."""
        order_ids = self.store.ids_after(cursor, REBUILD_PORTION)
        self.lists.put(self.store.fold_many(order_ids), again=True)
        return {"done": len(order_ids), "next": order_ids[-1] if len(order_ids) == REBUILD_PORTION else None}

    @every(seconds=1)
    def resume_sagas(self) -> None:
        """Go on with orders that nobody works on: their process died, or a step had to wait."""
        for order_id in self.store.take_over(clock.now()):
            try:
                self._checkout().drive(self.store.read(order_id), time.monotonic() + saga.RETRY[-1].total_seconds())
            except Exception as error:  # whatever is wrong with one order, the others are not to wait for it
                if isinstance(as_domain_error(error), ServiceUnavailable):
                    raise  # a store is away: nothing can be done for any of them
                log.exception("saga_stuck", order_id=order_id)

    @on_event(PaymentAuthorized)
    def payment_was_confirmed(self, event: PaymentAuthorized) -> None:
        """The customer has confirmed the payment: the order that waited for it goes on."""
        self._payment_news(event.order_id)

    @on_event(PaymentDeclined)
    def payment_was_declined(self, event: PaymentDeclined) -> None:
        """The payment that an order waited for came to nothing."""
        self._payment_news(event.order_id)

    @on_event(PaymentRefunded)
    def payment_was_refunded(self, event: PaymentRefunded) -> None:
        """An administrator gave something back: the order shows it. What its own undoing gives back, it knows."""
        stored = self.store.read(event.order_id)
        while stored.order.refunded < event.refunded and not stored.order.is_undoing:
            stored = self._record(stored, refunded(event))

    @on_batch(*SHOWN_IN_LISTS, size=BATCH, seconds=0.2)
    def project(self, news: list[Event]) -> None:
        """Show in the lists what happened to orders: each as the sum of its events."""
        self.lists.put(self.store.fold_many(sorted({event.subject for event in news})))

    @on_batch(events.OrderPlaced, size=BATCH, seconds=0.6)
    def project_placed(self, news: list[events.OrderPlaced]) -> None:
        """Mostly an order has gone on by the time that its placement is looked at, and what it came to is told next."""
        if pending := self.store.still_pending({event.subject for event in news}):
            self.lists.put(self.store.fold_many(pending))

    # -- how it is done ------------------------------------------------------------------------------------------

    def _checkout(self) -> Checkout:
        return Checkout(self.store, self.inventory, self.payments)

    def _time_to_answer(self) -> float:
        """Seconds in which the outcome must be known; otherwise the order is answered as it stands by then."""
        seconds = config.setting("orders.answer_within_seconds", self.settings.answer_within)
        return min(float(seconds), remaining(60) - 0.5)

    def _wait_for(self, order_id: str, until: float) -> Order:
        """Another process, or another request of this one, has the order: wait for it as its own customer would."""
        while True:
            order = self.store.read(order_id).order
            if saga.next_step(order) is None or order.status == "awaiting_payment" or time.monotonic() >= until:
                return order
            time.sleep(0.05)

    def _outcome(self, order: Order, caller: Caller) -> dict[str, Any]:
        if order.failure is not None:
            failure = order.failure
            details = [{**detail, "order_id": order.id} for detail in failure.details] or [{"order_id": order.id}]
            raise DOMAIN_ERRORS.get(failure.code, InvalidState)(failure.reason, details)
        if order.status == "awaiting_payment" and order.payment_status == "requires_action":
            payment = self.payments.status_of(payment_id=order.placed.payment_id)
            details = [{"client_secret": payment.get("client_secret"), "order_id": order.id}]
            raise PaymentActionRequired(details=details)
        reply = as_reply(order)
        if order.placed.user_id is None:
            reply["access_key"] = placing.access_key(self.settings.secret_key, order.id)
        return reply

    def _read(self, order_id: str) -> Stored:
        if not is_id(order_id):
            raise NotFound("There is no such order")
        return self.store.read(order_id)

    def _own(self, order_id: str, caller: Caller) -> Stored:
        stored = self._read(order_id)
        lifecycle.check_owner(stored.order, caller, placing.opens(self.settings.secret_key, order_id, caller.order_key))
        return stored

    def _record(self, stored: Stored, event: Any) -> Stored:
        """Append the event; when somebody was quicker, the order as it is now, for the caller to decide anew."""
        try:
            return self.store.append(stored, [event], clock.now())
        except VersionConflict:
            return self.store.read(stored.order.id)

    def _payment_news(self, order_id: str) -> None:
        if self.store.status_of(order_id) == "awaiting_payment":
            self._checkout().drive(self.store.read(order_id), time.monotonic() + saga.RETRY[-1].total_seconds())
