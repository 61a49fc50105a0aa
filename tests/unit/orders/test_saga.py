"""The checkout saga with injected faults: each order ends confirmed and paid, or fully compensated."""

import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import orders as events
from services.chassis.common import clock
from services.chassis.common.errors import (
    DomainError,
    IdempotencyInProgress,
    InvalidState,
    PaymentDeclined,
    RateLimited,
)
from services.orders.checkout import Checkout
from services.orders.domain import saga
from services.orders.domain.history import fold
from services.orders.domain.order import Order, Suspension
from services.orders.fulfilment import Fulfilment
from services.orders.store import StoredOrder
from tests.support.fake_services import (
    AUTHENTICATION_CARD,
    DECLINED_CARD,
    Inventory,
    Payments,
    Shipping,
    SimulatedCrash,
    UnreliableClient,
    typed,
)
from tests.support.orders import MemoryOrders, check_settled, placed

FAULTS = ("none", "lost", "late", "down", "dies_before", "dies_after", "cancel_before", "cancel_after")
faults = st.lists(st.sampled_from(FAULTS), max_size=6)
cards = st.sampled_from(["pm_card_visa", DECLINED_CARD, AUTHENTICATION_CARD])


class Checkouts:
    """An orders service with fakes of its dependencies and one order."""

    def __init__(self, card: str = "pm_card_visa", stock: int = 10, capture_at_once: bool = True) -> None:
        self.store, self.capture_at_once = MemoryOrders(), capture_at_once
        self.inventory, self.payments = Inventory(MUG=stock, REST=10 - stock), Payments()
        self.to_inventory, self.to_payments = UnreliableClient(self.inventory), UnreliableClient(self.payments)
        self.to_inventory.concurrent_action = self.to_payments.concurrent_action = self.cancel
        self.order_id = self.store.place(placed(), card, clock.now()).order.id

    @property
    def order(self) -> Order:
        return self.store.read(self.order_id).order

    def drive(self) -> Order:
        """One process works on the order until it has ended, has to wait, or the process crashes."""
        checkout = self.checkout()
        try:
            return checkout.drive(self.store.take_over(self.order_id), time.monotonic() + 5)
        except SimulatedCrash:
            return self.order

    def checkout(self) -> Checkout:
        fulfilment = Fulfilment(typed(Shipping()))
        return Checkout(self.store, self.to_inventory, self.to_payments, fulfilment, self.capture_at_once)  # type: ignore[arg-type]

    def cancel(self) -> None:
        stored = self.store.read(self.order_id)
        if stored.order.cancellation is None and not stored.order.has_ended and stored.order.failure is None:
            request = events.OrderCancellationRequested(order_id=self.order_id, requested_by="guest", reason=None)
            self.store.append(stored, [request], clock.now())

    def settle(self) -> Order:
        """Processes take the order over until no step is left; then the calls that timed out are executed."""
        for _ in range(40):
            if saga.next_step(self.drive()) is None:
                break
            if self.order.status == "awaiting_payment":
                self.payments.customer_confirms(self.order.placed.payment_id)
        self.to_inventory.deliver_late_calls()
        self.to_payments.deliver_late_calls()
        assert saga.next_step(self.order) is None
        return self.order


@given(card=cards, stock=st.sampled_from([0, 10]), at_once=st.booleans(), at_inventory=faults, at_payments=faults)
def test_saga_ends_paid_and_sold_or_fully_compensated(
    card: str, stock: int, at_once: bool, at_inventory: list[str], at_payments: list[str]
) -> None:
    checkouts = Checkouts(card, stock, at_once)
    checkouts.to_inventory.faults = at_inventory
    checkouts.to_payments.faults = at_payments

    order = checkouts.settle()

    check_settled(order, checkouts.inventory, checkouts.payments)
    history = checkouts.store.events[checkouts.order_id]
    assert fold(history) == fold(list(history)) == order
    assert [milestone.status for milestone in order.timeline].count(order.status) == 1


@pytest.mark.parametrize(
    ("at_once", "calls", "of_payment"),
    [
        (True, ["authorise"], ["order_payment_captured"]),
        (False, ["authorise", "capture"], ["order_payment_authorized", "order_payment_captured"]),
    ],
)
def test_checkout_makes_no_unnecessary_calls(at_once: bool, calls: list[str], of_payment: list[str]) -> None:
    checkouts = Checkouts(capture_at_once=at_once)

    order = checkouts.drive()

    assert order.status == "confirmed"
    assert checkouts.to_inventory.calls == ["reserve"]
    assert checkouts.to_payments.calls == calls
    history = [event.type for event, _ in checkouts.store.events[order.id]]
    assert history == ["order_placed", "order_stock_reserved", *of_payment, "order_confirmed"]


def test_reservation_is_recorded_with_the_charge() -> None:
    checkouts = Checkouts()
    checkouts.to_payments.faults = ["dies_before"]

    waiting = checkouts.drive()
    order = checkouts.drive()

    assert (waiting.version, checkouts.inventory.state(waiting.id)) == (1, "held")
    assert order.status == "confirmed"
    assert checkouts.to_inventory.calls == ["reserve", "reserve"]


def test_order_out_of_stock_makes_no_payment_call() -> None:
    checkouts = Checkouts(stock=0)
    stored = checkouts.store.read(checkouts.order_id)

    order = checkouts.checkout().drive(stored, time.monotonic() + 5)

    assert (order.status, order.failure and order.failure.code) == ("failed", "OUT_OF_STOCK")
    assert checkouts.to_inventory.calls == ["reserve"]
    assert checkouts.to_payments.calls == []


def test_late_reserve_of_failed_order_holds_nothing() -> None:
    """The first reserve call is delayed, the second is refused; then stock arrives and the first call is executed."""
    checkouts = Checkouts(stock=0)
    checkouts.to_inventory.faults = ["late"]
    checkouts.drive()

    order = checkouts.drive()
    checkouts.inventory.stock = {"MUG": 10}
    checkouts.to_inventory.deliver_late_calls()

    assert order.status == "failed"
    assert checkouts.inventory.state(order.id) == "released"


def test_declined_capture_voids_the_authorization() -> None:
    checkouts = Checkouts(capture_at_once=False)

    def declines(payment_id: str) -> None:
        raise PaymentDeclined("The card was closed meanwhile")

    checkouts.payments.capture = declines  # type: ignore[method-assign,assignment]

    order = checkouts.settle()

    assert (order.status, order.failure and order.failure.code) == ("failed", "PAYMENT_DECLINED")
    check_settled(order, checkouts.inventory, checkouts.payments)
    assert order.payment_status == "voided"


@pytest.mark.parametrize("error", [RateLimited(), IdempotencyInProgress()])
def test_retryable_error_is_retried_without_failing_order(error: DomainError) -> None:
    checkouts = Checkouts()
    original, errors_ = checkouts.inventory.reserve, [error]

    def reserve(**kwargs: object) -> object:
        if errors_:
            raise errors_.pop()
        return original(**kwargs)  # type: ignore[arg-type]

    checkouts.inventory.reserve = reserve  # type: ignore[method-assign,assignment]

    waiting = checkouts.drive()
    order = checkouts.drive()

    assert (waiting.status, waiting.failure) == ("pending", None)
    assert order.status == "confirmed"


def test_failed_order_is_never_reported_as_retryable() -> None:
    """A repeated key returns the same failed order, so a 503 with Retry-After would be repeated for ever."""
    checkouts = Checkouts()
    stored = checkouts.store.read(checkouts.order_id)
    expired_hold = events.OrderStockReserved(order_id=stored.order.id, expires_at=clock.now())
    checkouts.inventory.reserve(stored.order.id, [{"sku": "MUG", "quantity": 1}])
    checkouts.store.append(stored, [expired_hold], clock.now())

    order = checkouts.drive()

    assert order.status == "failed"
    assert order.failure is not None
    assert order.failure.code == "INVALID_STATE"
    check_settled(order, checkouts.inventory, checkouts.payments)


def test_driver_stops_where_another_one_has_recorded() -> None:
    checkouts = Checkouts()
    old = checkouts.store.read(checkouts.order_id)
    checkouts.inventory.reserve(old.order.id, [{"sku": "MUG", "quantity": 1}])
    reserved = events.OrderStockReserved(order_id=old.order.id, expires_at=clock.now() + timedelta(hours=1))
    checkouts.store.append(old, [reserved], clock.now())

    order = checkouts.checkout().drive(old, time.monotonic() + 5)

    assert (order.version, order.status) == (2, "pending")
    confirmed = checkouts.drive()
    assert confirmed.status == "confirmed"
    check_settled(confirmed, checkouts.inventory, checkouts.payments)


def test_confirmed_payment_continues_and_abandoned_fails() -> None:
    confirmed, abandoned = Checkouts(AUTHENTICATION_CARD), Checkouts(AUTHENTICATION_CARD)

    assert confirmed.drive().status == "awaiting_payment"
    assert abandoned.drive().status == "awaiting_payment"
    confirmed.payments.customer_confirms(confirmed.order.placed.payment_id)
    abandoned.payments.customer_gives_up(abandoned.order.placed.payment_id)

    assert confirmed.drive().status == "confirmed"
    assert abandoned.drive().status == "failed"
    check_settled(abandoned.order, abandoned.inventory, abandoned.payments)


def test_refused_compensation_waits_for_a_person() -> None:
    checkouts = Checkouts(DECLINED_CARD)

    def refuses(order_id: str) -> None:
        raise InvalidState("It was sold to somebody else")

    original_release = checkouts.inventory.release
    checkouts.inventory.release = refuses  # type: ignore[method-assign,assignment]
    stuck = checkouts.drive()
    checkouts.inventory.release = original_release  # type: ignore[method-assign]

    assert stuck.suspension == Suspension("release", "INVALID_STATE", "It was sold to somebody else")
    assert (stuck.status, saga.next_step(stuck)) == ("pending", None)
    assert checkouts.drive() == stuck, "a suspended order is not driven"
    resumed = events.OrderResumed(order_id=stuck.id, requested_by="admin", reason="The stock was corrected")
    checkouts.store.append(checkouts.store.read(stuck.id), [resumed], clock.now())
    assert checkouts.drive().status == "failed"


def test_settled_step_is_not_made_again() -> None:
    checkouts = Checkouts()
    checkouts.drive()
    checkouts.payments.payments[checkouts.order.placed.payment_id]["disputed"] = True
    checkouts.cancel()
    stuck = checkouts.drive()
    assert stuck.suspension is not None
    assert stuck.suspension.step == saga.Step.REVERSE_PAYMENT

    settled = events.OrderStepSettled(
        order_id=stuck.id, step=stuck.suspension.step, requested_by="admin", reason="The dispute took the money back"
    )
    checkouts.store.append(checkouts.store.read(stuck.id), [settled], clock.now())
    order = checkouts.drive()

    assert (order.status, checkouts.inventory.state(order.id)) == ("cancelled", "released")


def test_payment_captured_in_part_fails_the_order() -> None:
    checkouts = Checkouts(AUTHENTICATION_CARD)
    checkouts.drive()
    checkouts.payments.capture_by_hand(checkouts.order.placed.payment_id, 1)

    order = checkouts.settle()

    assert (order.status, order.failure and order.failure.code) == ("failed", "INVALID_STATE")
    check_settled(order, checkouts.inventory, checkouts.payments)


def test_partly_refunded_payment_is_not_declined() -> None:
    checkouts = Checkouts(AUTHENTICATION_CARD)
    checkouts.drive()
    payment = checkouts.payments.payments[checkouts.order.placed.payment_id]
    payment |= {"status": "partially_refunded", "captured": payment["amount"], "refunded": 100}

    assert checkouts.settle().status == "confirmed"


def test_retry_delay_grows_to_ten_seconds() -> None:
    assert [saga.delay(attempts).total_seconds() for attempts in (1, 2, 3, 4, 9)] == [1, 2, 5, 10, 10]


def test_order_is_left_unchanged_after_the_deadline() -> None:
    checkouts = Checkouts()
    stored: StoredOrder = checkouts.store.read(checkouts.order_id)

    order = checkouts.checkout().drive(stored, time.monotonic())

    assert order == stored.order
    assert checkouts.to_inventory.calls == []


def test_card_is_not_charged_once_the_stock_hold_is_over() -> None:
    checkouts = Checkouts()
    checkouts.inventory.expires_at = "2020-01-01T00:00:00Z"

    order = checkouts.settle()

    assert order.status == "failed"
    assert order.failure is not None
    assert order.failure.code == "INVALID_STATE"
    assert "authorise" not in checkouts.to_payments.calls
    check_settled(order, checkouts.inventory, checkouts.payments)


def test_open_payment_is_given_up_once_the_stock_hold_is_over() -> None:
    checkouts = Checkouts(AUTHENTICATION_CARD)
    checkouts.drive()
    assert checkouts.order.status == "awaiting_payment"
    [placed_event, (reserved, at), *rest] = checkouts.store.events[checkouts.order_id]
    expired = reserved.model_copy(update={"expires_at": clock.now()})
    checkouts.store.events[checkouts.order_id] = [placed_event, (expired, at), *rest]

    order = checkouts.drive()

    assert order.status == "failed"
    assert order.failure is not None
    assert order.failure.code == "PAYMENT_ACTION_REQUIRED"
    check_settled(order, checkouts.inventory, checkouts.payments)
