"""Status changes and cancellations of orders: refusals and their details."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.api.cart import CheckoutLine
from schemas.caller import Caller
from schemas.events import orders as events
from services.chassis.common.errors import InvalidState, ValidationFailed
from services.orders.domain import lifecycle, saga
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order
from services.orders.domain.parcels import contents
from services.orders.domain.pricing import price_lines
from services.orders.domain.view import as_history, as_reply, as_summary
from tests.support.fake_services import cart_line
from tests.support.orders import line, placed

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ADMIN = Caller(user_id="boss", roles=["ADMIN"])


def confirmed_order() -> Order:
    new = fold([(placed(line("MUG", 2)), AT)])
    return after(new, saga.confirmed(new), AT)


def failed_order() -> Order:
    new = fold([(placed(), AT)])
    reason = "The card was declined"
    return after(new, events.OrderRejected(order_id=new.id, code="PAYMENT_DECLINED", reason=reason), AT)


def test_refused_step_names_both_statuses() -> None:
    with pytest.raises(InvalidState) as refused:
        lifecycle.check_step(confirmed_order(), "delivered")

    assert refused.value.details == [
        {"field": "status", "message": "from confirmed to delivered", "status": "confirmed"}
    ]


def test_refused_cancellation_names_the_order_status() -> None:
    with pytest.raises(InvalidState) as refused:
        lifecycle.check_cancellable(failed_order())

    assert refused.value.details == [{"field": "status", "status": failed_order().status}]


@pytest.mark.parametrize(
    ("status", "age", "reorderable"),
    [
        ("failed", timedelta(0), True),
        ("cancelled", timedelta(0), True),
        ("confirmed", timedelta(0), False),
        ("pending", timedelta(hours=1), False),
        ("confirmed", timedelta(hours=1, seconds=1), True),
    ],
)
def test_cart_may_be_ordered_again(status: str, age: timedelta, reorderable: bool) -> None:
    assert lifecycle.is_cart_reorderable(status, AT, AT + age) is reorderable


def test_refused_shipment_names_the_order_status() -> None:
    pending = fold([(placed(line("MUG", 2)), AT)])

    with pytest.raises(InvalidState) as refused:
        contents(pending, [], ADMIN)

    assert refused.value.details == [{"status": "pending"}]


@pytest.mark.parametrize(
    ("sku", "quantity", "detail"),
    [
        ("GHOST", 1, {"field": "items.0.sku", "message": "is not in this order"}),
    ],
)
def test_refused_shipment_names_the_line(sku: str, quantity: int, detail: dict[str, str]) -> None:
    from schemas.api.shipping import ShipmentLine

    with pytest.raises(ValidationFailed) as refused:
        contents(confirmed_order(), [ShipmentLine(sku=sku, quantity=quantity)], ADMIN)

    assert refused.value.details == [detail]


def test_history_entry_is_the_event_without_its_envelope() -> None:
    envelope = {"id": "e-1", "sequence": 2, "type": "order_confirmed", "time": "2026-01-31T12:00:00Z", "data": {"a": 1}}

    assert as_history(envelope | {"source": "/orders"}) == {
        "id": "e-1",
        "sequence": 2,
        "type": "order_confirmed",
        "at": "2026-01-31T12:00:00Z",
        "data": {"a": 1},
    }


def test_order_shows_its_payment_and_time_of_change() -> None:
    new = fold([(placed(line("MUG", 2, 1000)), AT)])
    later = AT + timedelta(minutes=1)
    authorized = events.OrderPaymentAuthorized(
        order_id=new.id, payment_id=new.placed.payment_id, status="authorized", amount=2500, currency="USD"
    )

    order = after(new, authorized, later)
    reply = as_reply(order)

    assert reply["payment"] == {
        "id": new.placed.payment_id,
        "provider": "sandbox",
        "status": "authorized",
        "amount": {"amount": 2500, "currency": "USD"},
        "refunded": {"amount": 0, "currency": "USD"},
    }
    assert reply["updated_at"] == as_summary(order)["updated_at"] == "2026-01-31T12:01:00Z"
    assert as_reply(new)["payment"] is None


def test_final_events_carry_the_customer() -> None:
    new = fold([(placed(user_id="ada"), AT)])
    rejected = events.OrderRejected(order_id=new.id, code="PAYMENT_DECLINED", reason="Declined")
    requested = events.OrderCancellationRequested(order_id=new.id, requested_by="ada", reason="Ordered twice")

    confirmed, failed, cancelled = (
        saga.confirmed(new),
        saga.ended(after(new, rejected, AT)),
        saga.ended(after(new, requested, AT)),
    )

    assert (confirmed.type, failed.type, cancelled.type) == ("order_confirmed", "order_failed", "order_cancelled")
    for event in (confirmed, failed, cancelled):
        assert (event.user_id, event.email, event.number) == ("ada", "ada@example.com", new.number)
    assert (failed.reason, cancelled.reason) == ("Declined", "Ordered twice")


def test_timeline_shows_the_reason_of_a_failure() -> None:
    rejected = failed_order()

    reply = as_reply(after(rejected, saga.ended(rejected), AT))

    assert [(entry["status"], entry.get("reason")) for entry in reply["timeline"]] == [
        ("pending", None),
        ("failed", "The card was declined"),
    ]


def test_declined_payment_is_not_reversed() -> None:
    new = fold([(placed(), AT)])
    held = after(new, events.OrderStockReserved(order_id=new.id, expires_at=AT), AT)
    declined = events.OrderRejected(order_id=new.id, code="PAYMENT_DECLINED", reason="Declined")

    rejected = after(replace(held, payment_status="declined"), declined, AT)

    assert saga.next_step(rejected) is saga.Step.RELEASE


def test_hold_ends_at_its_expiry() -> None:
    new = fold([(placed(), AT)])
    held = after(new, events.OrderStockReserved(order_id=new.id, expires_at=AT), AT)

    assert saga.hold_expired(held, AT)
    assert not saga.hold_expired(held, AT - timedelta(microseconds=1))


def test_priced_line_keeps_its_vendor_and_category() -> None:
    line = cart_line("MUG") | {"line_total": 1000}
    mug, lamp = price_lines(
        [CheckoutLine.model_validate(line | fields) for fields in ({"vendor_id": "v-1", "category": "kitchen"}, {})]
    )

    assert (mug.vendor_id, mug.category) == ("v-1", "kitchen")
    assert (lamp.vendor_id, lamp.category) == (None, None)
