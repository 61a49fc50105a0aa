"""Placing orders: idempotency, totals, payment outcomes, permissions, shipments."""

import time
from typing import Any

import pytest
from sqlalchemy import text

from schemas.caller import Caller
from services.chassis.common import context
from services.chassis.common.errors import (
    Conflict,
    DomainError,
    Forbidden,
    IdempotencyKeyReused,
    InvalidState,
    NotFound,
    OutOfStock,
    PaymentActionRequired,
    PaymentDeclined,
    PriceChanged,
    ValidationFailed,
)
from services.chassis.common.ids import new_id
from tests.service.orders.conftest import ADMIN, Shop, run_concurrently
from tests.support.fake_services import AUTHENTICATION_CARD, DECLINED_CARD, cart_line
from tests.support.orders import ADDRESS


def test_order_total_has_cart_shipping_and_tax(shop: Shop) -> None:
    shop.cart.lines = [cart_line("MUG", 3, 999, tax_rate_bp=1900)]

    order = shop.order(note="ring twice")

    assert order["status"] == "confirmed"
    assert {name: order[name]["amount"] for name in ("subtotal", "shipping_total", "tax_total", "discount_total")} == {
        "subtotal": 2997,
        "shipping_total": 500,
        "tax_total": 569,
        "discount_total": 0,
    }
    assert order["total"] == {"amount": 4066, "currency": "USD"}
    assert shop.payments.charged(order["payment"]["id"]) == 4066
    assert (order["note"], order["billing_address"]) == ("ring twice", order["shipping_address"])
    assert [entry["status"] for entry in order["timeline"]] == ["pending", "confirmed"]


def test_concurrent_repetitions_are_one_order_and_charge(shop: Shop) -> None:
    replies = run_concurrently(20, lambda _: shop.order(key="a-key"))

    assert len({reply["id"] for reply in replies}) == 1
    assert {reply["status"] for reply in replies} == {"confirmed"}
    assert len({reply["access_key"] for reply in replies}) == 1
    assert shop.ids() == [replies[0]["id"]]
    assert len(shop.payments.payments) == 1
    assert shop.to_inventory.calls.count("reserve") == 1


@pytest.mark.parametrize("cart_is_down", [False, True])
def test_cart_is_emptied_before_order_reply(shop: Shop, cart_is_down: bool) -> None:
    shop.cart.down = cart_is_down

    order = shop.order()

    assert order["status"] == "confirmed"
    removals = [] if cart_is_down else [(order["id"], [{"sku": "MUG", "quantity": 1}])]
    assert shop.cart.removals == removals


def test_cart_version_is_ordered_once_whatever_the_keys(shop: Shop) -> None:
    shop.cart.fixed_version = True

    def buy(_: int) -> str:
        try:
            return str(shop.order()["id"])
        except Conflict as refused:
            return str(refused.details[0]["order_id"])

    assert set(run_concurrently(10, buy)) == set(shop.ids())

    assert len(shop.ids()) == 1
    assert sum(shop.payments.charged(payment) for payment in shop.payments.payments) == 1500
    shop.cart.fixed_version = False
    assert shop.order()["status"] == "confirmed", "a cart filled again is another one"


@pytest.mark.parametrize("card", [DECLINED_CARD, AUTHENTICATION_CARD])
def test_cart_of_failed_or_waiting_order_is_ordered_again(shop: Shop, card: str) -> None:
    shop.cart.fixed_version = True
    with pytest.raises((PaymentDeclined, PaymentActionRequired)):
        shop.order(card)

    assert shop.order()["status"] == "confirmed"

    with pytest.raises(Conflict):
        shop.order()


def test_cart_version_can_be_reused_after_an_hour(shop: Shop) -> None:
    shop.cart.fixed_version = True
    shop.order()
    with shop.store.transaction() as session:
        session.execute(text("update orders set created_at = created_at - interval '2 hours'"))

    assert shop.order()["status"] == "confirmed"


def test_key_reused_for_another_order_is_refused(shop: Shop) -> None:
    shop.order(key="a-key")

    with pytest.raises(IdempotencyKeyReused):
        shop.order(idempotency={"owner": "cart:a-cart", "key": "a-key", "fingerprint": "another"})
    assert shop.order(idempotency={"owner": "cart:b-cart", "key": "a-key", "fingerprint": "another"})
    assert len(shop.ids()) == 2


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("card", "stock", "error", "detail"),
    [
        (DECLINED_CARD, 10, PaymentDeclined, {"decline_code": "generic_decline"}),
        ("pm_card_visa", 0, OutOfStock, {"sku": "MUG", "requested": 1, "available": 0}),
    ],
)
def test_failure_reason_is_returned_on_each_repeat(
    shop: Shop, card: str, stock: int, error: type[DomainError], detail: dict[str, Any], again: bool
) -> None:
    shop.inventory.stock = {"MUG": stock}
    if again:
        run_concurrently(1, lambda _: shop.order(card, "a-key"))

    with pytest.raises(error) as refused:
        shop.order(card, "a-key")

    [order_id] = shop.ids()
    assert refused.value.details == [detail | {"order_id": order_id}]
    assert shop.now(order_id).status == "failed"
    assert shop.inventory.stock == {"MUG": stock}


def test_payment_requiring_action_returns_its_secret(shop: Shop) -> None:
    with pytest.raises(PaymentActionRequired) as refused:
        shop.order(AUTHENTICATION_CARD)

    [order_id] = shop.ids()
    [detail] = refused.value.details
    assert (detail["client_secret"], detail["order_id"]) == ("secret", order_id)
    assert shop.get_order(order_id=order_id, caller=Caller(order_key=detail["access_key"]))["id"] == order_id
    assert shop.now(order_id).status == "awaiting_payment"
    assert shop.inventory.state(order_id) == "held"
    shop.service.payment_was_confirmed(_payment_event(order_id))
    assert shop.now(order_id).status == "awaiting_payment"
    shop.payments.customer_confirms(shop.now(order_id).placed.payment_id)
    shop.service.payment_was_confirmed(_payment_event(order_id))
    assert shop.now(order_id).status == "confirmed"


def test_abandoned_payment_fails_order_and_releases_stock(shop: Shop) -> None:
    with pytest.raises(PaymentActionRequired):
        shop.order(AUTHENTICATION_CARD)
    [order_id] = shop.ids()
    shop.payments.customer_gives_up(shop.now(order_id).placed.payment_id)

    shop.service.payment_was_declined(_payment_event(order_id))

    assert shop.now(order_id).status == "failed"
    assert shop.inventory.stock == {"MUG": 10}


def test_payment_event_without_waiting_order_is_ignored(shop: Shop) -> None:
    order_id = shop.order()["id"]
    before = shop.now(order_id)

    shop.service.payment_was_confirmed(_payment_event(order_id))
    shop.service.payment_was_declined(_payment_event(new_id()))

    assert shop.now(order_id) == before


def test_pending_order_is_returned_at_the_deadline(shop: Shop) -> None:
    shop.to_payments.faults = ["lost"]

    order = shop.order()

    assert (order["status"], order["payment"]) == ("pending", None)
    shop.resume()
    assert shop.get_order(order_id=order["id"], caller=ADMIN)["status"] == "confirmed"


def test_payment_call_is_limited_by_the_reply_deadline(shop: Shop) -> None:
    """A hanging payment provider must not use up the caller's deadline, or there would be no reply at all."""
    remaining: list[float] = []
    authorise = shop.payments.authorise

    def recorded_authorise(**kwargs: Any) -> dict[str, Any]:
        remaining.append(context.remaining(60))
        return authorise(**kwargs)

    shop.payments.authorise = recorded_authorise  # type: ignore[method-assign]
    context.enter({"deadline": time.monotonic() + 8})

    shop.order()

    assert remaining[0] <= shop.settings.answer_within
    assert context.remaining(60) > 6
    context.enter({})


def test_unexpected_total_is_refused(shop: Shop) -> None:
    with pytest.raises(PriceChanged) as refused:
        shop.order(expected_total={"amount": 1000, "currency": "USD"})

    assert refused.value.details == [
        {"expected": {"amount": 1000, "currency": "USD"}, "actual": {"amount": 1500, "currency": "USD"}}
    ]
    assert shop.ids() == []
    assert shop.order(expected_total={"amount": 1500, "currency": "USD"})["status"] == "confirmed"


def test_total_above_the_prices_last_shown_is_refused(shop: Shop) -> None:
    shop.cart.lines = [cart_line("MUG", 2, 999_900, 1000) | {"seen_price": 1500}]
    shop.inventory.stock = {"MUG": 2}

    with pytest.raises(PriceChanged) as refused:
        shop.order()

    assert refused.value.details == [
        {
            "expected": {"amount": 3000 + 300 + 500, "currency": "USD"},
            "actual": {"amount": 1_999_800 + 199_980 + 500, "currency": "USD"},
        }
    ]
    assert shop.ids() == []
    assert shop.payments.payments == {}
    accepted = shop.order(expected_total={"amount": 2_200_280, "currency": "USD"})
    assert accepted["status"] == "confirmed", "the customer has named the new total"


def test_total_below_the_prices_last_shown_passes(shop: Shop) -> None:
    shop.cart.lines = [cart_line("MUG", 1, 1100) | {"seen_price": 1000}, cart_line("LAMP") | {"seen_price": 1200}]
    shop.inventory.stock = {"MUG": 1, "LAMP": 1}

    assert shop.order()["total"] == {"amount": 1100 + 1000 + 500, "currency": "USD"}


def test_cart_empty_or_with_unsold_sku_is_refused(shop: Shop) -> None:
    shop.cart.lines = []
    with pytest.raises(ValidationFailed, match="cart: is empty"):
        shop.order()
    shop.cart.unavailable = ["LAMP"]
    with pytest.raises(NotFound) as refused:
        shop.order()
    assert refused.value.details == [{"field": "cart", "sku": "LAMP", "message": "gone"}]


def test_guest_order_needs_an_email(shop: Shop) -> None:
    with pytest.raises(ValidationFailed, match="email"):
        shop.order(email=None)

    order = shop.order(
        email=None, caller=Caller(user_id=new_id(), roles=["CUSTOMER"], email="grace@example.com").model_dump()
    )

    assert order["email"] == "grace@example.com"
    assert "access_key" not in order


def test_order_is_visible_to_owner_key_holder_and_staff(shop: Shop) -> None:
    owner = Caller(user_id=new_id(), roles=["CUSTOMER"], email="grace@example.com")
    order = shop.order(caller=owner.model_dump())
    guest_order = shop.order()

    for order_id, caller in (
        (order["id"], owner),
        (order["id"], ADMIN),
        (guest_order["id"], Caller(order_key=guest_order["access_key"])),
    ):
        assert shop.get_order(order_id=order_id, caller=caller)["id"] == order_id
        assert shop.history(order_id=order_id, caller=caller)[0]["type"] == "order_placed"
    for order_id, caller in (
        (order["id"], Caller()),
        (order["id"], Caller(user_id=new_id(), roles=["CUSTOMER"])),
        (order["id"], Caller(order_key=guest_order["access_key"])),
        (guest_order["id"], Caller(order_key="0" * 40)),
        (new_id(), ADMIN),
        ("no id", ADMIN),
    ):
        with pytest.raises(NotFound):
            shop.get_order(order_id=order_id, caller=caller)


def test_order_status_is_set_step_by_step(shop: Shop) -> None:
    order_id = shop.order()["id"]

    for status in ("processing", "shipped", "delivered", "returned"):
        order = shop.set_status(order_id=order_id, status=status, caller=ADMIN)
        assert order["status"] == status
        assert shop.set_status(order_id=order_id, status=status, caller=ADMIN) == order

    assert (order["carrier"], order["tracking_number"]) == ("UPS", "UP0000001")
    with pytest.raises(InvalidState):
        shop.set_status(order_id=order_id, status="shipped", caller=ADMIN)
    with pytest.raises(InvalidState):
        shop.cancel(order_id=order_id, caller=ADMIN)


def test_shipment_defaults_to_all_lines_and_the_address(shop: Shop) -> None:
    order_id = shop.order()["id"]

    shipment = shop.create_shipment(order_id=order_id, caller=ADMIN)

    parcel = shop.shipping.parcels[-1]
    assert (shipment.order_id, parcel["items"], parcel["address"]["city"]) == (
        order_id,
        [{"sku": "MUG", "quantity": 1}],
        ADDRESS["city"],
    )
    with pytest.raises(Forbidden):
        shop.create_shipment(order_id=order_id, caller=Caller(user_id=new_id(), roles=["CUSTOMER"]))


def _payment_event(order_id: str) -> Any:
    """An event of `payments` about the payment of this order; only the order id matters here."""
    from types import SimpleNamespace

    return SimpleNamespace(order_id=order_id)
