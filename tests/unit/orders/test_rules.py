"""Totals, status steps, permissions and replies of orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api.cart import CheckoutLine, CheckoutView
from schemas.api.orders import Order as OrderResource
from schemas.api.orders import OrderSummary, PlaceOrder
from schemas.caller import Caller
from schemas.events import orders as events
from schemas.events.orders import OrderLine
from services.chassis.common.errors import Forbidden, InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from services.orders import placement
from services.orders.domain import lifecycle, saga
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order
from services.orders.domain.pricing import add_up, price_lines
from services.orders.domain.view import as_reply, as_summary
from tests.support.fake_services import cart_line
from tests.support.orders import ADDRESS, line, placed

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
VENDOR, OTHER_VENDOR = Caller(user_id=new_id(), roles=["VENDOR"]), Caller(user_id=new_id(), roles=["VENDOR"])
ADMIN, CUSTOMER = Caller(user_id=new_id(), roles=["ADMIN"]), Caller(user_id=new_id(), roles=["CUSTOMER"])
lines = st.lists(
    st.builds(
        cart_line,
        quantity=st.integers(1, 10_000),
        unit_price=st.integers(0, 10**9),
        tax_rate_bp=st.integers(0, 10_000),
    ),
    max_size=8,
)


def order(*event_types: Any, **values: Any) -> Order:
    """An order with these events after its placement, a minute apart."""
    first = placed(**values)
    events_ = [(event(order_id=first.order_id), AT + timedelta(minutes=n)) for n, event in enumerate(event_types, 1)]
    return fold([(first, AT), *events_])


def confirmed(**values: Any) -> Order:
    new = order(**values)
    return after(new, saga.confirmed(new), AT)


@given(lines, st.integers(0, 10**6))
def test_total_is_the_sum_of_its_parts(cart: list[dict[str, Any]], shipping: int) -> None:
    priced = price_lines([CheckoutLine.model_validate(entry | {"line_total": 0}) for entry in cart])
    totals = add_up(priced, shipping)

    assert totals.total == totals.subtotal - totals.discount + totals.shipping + totals.tax
    assert totals.subtotal == sum(entry["unit_price"] * entry["quantity"] for entry in cart)
    assert 0 <= totals.tax <= totals.subtotal + len(cart)


def test_discount_is_subtracted_from_the_total() -> None:
    priced = price_lines([CheckoutLine.model_validate(cart_line(unit_price=1000, quantity=1) | {"line_total": 1000})])

    totals = add_up(priced, 500, 300)

    assert (totals.subtotal, totals.discount, totals.shipping) == (1000, 300, 500)
    assert totals.total == 1200 + totals.tax


def test_tax_is_rounded_once_per_line_half_to_even() -> None:
    entries = [cart_line(unit_price=50, tax_rate_bp=100), cart_line(unit_price=150, tax_rate_bp=100)]
    priced = price_lines([CheckoutLine.model_validate(entry | {"line_total": 0}) for entry in entries])

    assert [entry.tax for entry in priced] == [0, 2]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("pending", set()),
        ("awaiting_payment", set()),
        ("confirmed", {"processing", "shipped"}),
        ("processing", {"shipped"}),
        ("shipped", {"delivered", "returned"}),
        ("delivered", {"returned"}),
        ("returned", set()),
        ("failed", set()),
        ("cancelled", set()),
    ],
)
def test_order_takes_only_its_next_steps(status: str, allowed: set[str]) -> None:
    from dataclasses import replace

    order_ = replace(confirmed(), status=status)
    for step in ("processing", "shipped", "delivered", "returned", "confirmed", "pending"):
        if step in allowed:
            lifecycle.check_step(order_, step)
            continue
        with pytest.raises(InvalidState):
            lifecycle.check_step(order_, step)


def test_order_being_cancelled_takes_no_step() -> None:
    cancelling = after(confirmed(), events.OrderCancellationRequested(order_id="o", requested_by="guest"), AT)

    lifecycle.check_cancellable(confirmed())
    with pytest.raises(InvalidState, match="can't become shipped"):
        lifecycle.check_step(cancelling, "shipped")
    with pytest.raises(InvalidState, match="can't be cancelled"):
        lifecycle.check_cancellable(
            order(lambda order_id: events.OrderRejected(order_id=order_id, code="OUT_OF_STOCK", reason="none"))
        )


def test_order_is_visible_to_owner_key_holder_and_vendor() -> None:
    customer_order = order(user_id=CUSTOMER.user_id)
    vendor_order = fold([(placed(line(vendor_id=VENDOR.user_id), line("LAMP")), AT)])

    for order_, caller, holds_key in (
        (customer_order, CUSTOMER, False), (customer_order, ADMIN, False), (customer_order, Caller(), True),
        (vendor_order, VENDOR, False),
    ):  # fmt: skip
        lifecycle.check_owner(order_, caller, holds_key)
    for order_, caller in (
        (customer_order, Caller()),
        (customer_order, VENDOR),
        (vendor_order, OTHER_VENDOR),
        (vendor_order, Caller()),
        (vendor_order, CUSTOMER),
    ):
        with pytest.raises(NotFound):
            lifecycle.check_owner(order_, caller, False)


def test_order_is_fulfilled_by_admin_or_sole_vendor() -> None:
    own_order = fold([(placed(line(vendor_id=VENDOR.user_id)), AT)])
    shared_order = fold([(placed(line(vendor_id=VENDOR.user_id), line("LAMP")), AT)])

    lifecycle.check_fulfils(own_order, VENDOR)
    lifecycle.check_fulfils(shared_order, ADMIN)
    for order_, caller, error in (
        (shared_order, VENDOR, NotFound),
        (own_order, OTHER_VENDOR, NotFound),
        (own_order, CUSTOMER, Forbidden),
    ):
        with pytest.raises(error):
            lifecycle.check_fulfils(order_, caller)


def test_history_begins_with_placed_and_has_order_events_only() -> None:
    from schemas.events.payments import PaymentVoided

    with pytest.raises(ValueError, match="begins with order_placed"):
        fold([])
    with pytest.raises(ValueError, match="begins with order_placed"):
        fold([(events.OrderStockCommitted(order_id="o"), AT)])
    with pytest.raises(ValueError, match="not an event of an order"):
        after(order(), PaymentVoided.model_construct(), AT)


def test_order_reply_matches_its_model() -> None:
    reply = as_reply(confirmed(note="ring"))

    resource = OrderResource.model_validate(reply)
    assert resource.status == "confirmed"
    assert (reply["payment"], reply["note"], reply["version"]) == (None, "ring", 2)
    assert reply["timeline"] == [
        {"status": "pending", "at": "2026-01-31T12:00:00Z"},
        {"status": "confirmed", "at": "2026-01-31T12:00:00Z"},
    ]
    assert OrderSummary.model_validate(as_summary(confirmed())).item_count == 1


def test_access_key_belongs_to_one_order() -> None:
    key = placement.access_key("secret", "o-1")

    assert placement.is_access_key("secret", "o-1", key)
    assert not any(
        (
            placement.is_access_key("secret", "o-2", key),
            placement.is_access_key("other", "o-1", key),
            placement.is_access_key("secret", "o-1", None),
        )
    )


def test_placed_order_has_number_lines_and_totals() -> None:
    command = PlaceOrder.model_validate(
        {
            "email": "Ada@Example.com",
            "shipping_address": ADDRESS,
            "billing_address": {**ADDRESS, "name": "The Office"},
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
        }
    )
    cart = CheckoutView(
        lines=[CheckoutLine.model_validate(cart_line(quantity=2) | {"line_total": 2000})],
        currency="USD", cart_id="c", version=3, subtotal=2000, weight_g=600,
    )  # fmt: skip

    event = placement.order_of(command, cart, 500, 42, AT, "UM")

    assert (event.number, event.email, event.totals.total) == ("UM-2026-000042", "ada@example.com", 2500)
    assert (event.billing_address["name"], event.shipping_address["name"]) == ("The Office", "Ada")
    assert all(isinstance(entry, OrderLine) for entry in event.items)


@pytest.mark.parametrize(("missing", "field"), [("cart_id", "X-Cart-Id"), ("email", "email")])
def test_guest_order_needs_cart_and_email(missing: str, field: str) -> None:
    command = {
        "cart_id": "a-cart",
        "email": "ada@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
    }

    with pytest.raises(ValidationFailed) as refused:
        placement.check_guest(PlaceOrder.model_validate(command | {missing: None}, strict=False))

    assert [detail["field"] for detail in refused.value.details] == [field]
