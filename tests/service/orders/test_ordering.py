"""Placing an order: once per key, priced as shown, answered with what became of it."""

import time
from typing import Any

import pytest
from sqlalchemy import text

from schemas.base import Caller
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
from tests.service.orders.conftest import ADMIN, Shop, at_once
from tests.support.fake_services import AUTHENTICATION_CARD, DECLINED_CARD, cart_line
from tests.support.orders import ADDRESS


def test_an_order_is_what_the_cart_the_parcel_and_the_tax_cost(shop: Shop) -> None:
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


def test_twins_of_a_command_are_one_order_and_one_charge(shop: Shop) -> None:
    replies = at_once(20, lambda _: shop.order(key="a-key"))

    assert len({reply["id"] for reply in replies}) == 1
    assert {reply["status"] for reply in replies} == {"confirmed"}
    assert len({reply["access_key"] for reply in replies}) == 1
    assert shop.ids() == [replies[0]["id"]]
    assert len(shop.payments.payments) == 1
    assert shop.to_inventory.calls.count("reserve") == 1


@pytest.mark.parametrize("away", [False, True])
def test_cart_is_emptied_before_order_reply(shop: Shop, away: bool) -> None:
    shop.cart.down = away

    order = shop.order()

    assert order["status"] == "confirmed"
    taken = [] if away else [(order["id"], [{"sku": "MUG", "quantity": 1}])]
    assert shop.cart.removals == taken


def test_a_cart_as_it_stands_is_bought_once_whatever_the_keys(shop: Shop) -> None:
    shop.cart.fixed_version = True

    def buy(_: int) -> str:
        try:
            return str(shop.order()["id"])
        except Conflict as refused:
            return str(refused.details[0]["order_id"])

    assert set(at_once(10, buy)) == set(shop.ids())

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


def test_a_cart_that_counts_anew_is_not_taken_for_an_old_one(shop: Shop) -> None:
    shop.cart.fixed_version = True
    shop.order()
    with shop.store.transaction() as session:
        session.execute(text("update orders set created_at = created_at - interval '2 hours'"))

    assert shop.order()["status"] == "confirmed"


def test_a_key_that_comes_with_another_order_is_refused(shop: Shop) -> None:
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
        at_once(1, lambda _: shop.order(card, "a-key"))

    with pytest.raises(error) as refused:
        shop.order(card, "a-key")

    [order_id] = shop.ids()
    assert refused.value.details == [detail | {"order_id": order_id}]
    assert shop.now(order_id).status == "failed"
    assert shop.inventory.stock == {"MUG": stock}


def test_a_payment_that_asks_back_brings_the_secret_and_waits(shop: Shop) -> None:
    with pytest.raises(PaymentActionRequired) as asked:
        shop.order(AUTHENTICATION_CARD)

    [order_id] = shop.ids()
    assert asked.value.details == [{"client_secret": "secret", "order_id": order_id}]
    assert shop.now(order_id).status == "awaiting_payment"
    assert shop.inventory.state(order_id) == "held"
    shop.service.payment_was_confirmed(_news(order_id))
    assert shop.now(order_id).status == "awaiting_payment"
    shop.payments.customer_confirms(shop.now(order_id).placed.payment_id)
    shop.service.payment_was_confirmed(_news(order_id))
    assert shop.now(order_id).status == "confirmed"


def test_a_payment_given_up_fails_the_order_and_frees_the_stock(shop: Shop) -> None:
    with pytest.raises(PaymentActionRequired):
        shop.order(AUTHENTICATION_CARD)
    [order_id] = shop.ids()
    shop.payments.customer_gives_up(shop.now(order_id).placed.payment_id)

    shop.service.payment_was_declined(_news(order_id))

    assert shop.now(order_id).status == "failed"
    assert shop.inventory.stock == {"MUG": 10}


def test_payment_event_without_waiting_order_is_ignored(shop: Shop) -> None:
    order_id = shop.order()["id"]
    before = shop.now(order_id)

    shop.service.payment_was_confirmed(_news(order_id))
    shop.service.payment_was_declined(_news(new_id()))

    assert shop.now(order_id) == before


def test_pending_order_is_returned_at_the_deadline(shop: Shop) -> None:
    shop.to_payments.faults = ["lost"]

    order = shop.order()

    assert (order["status"], order["payment"]) == ("pending", None)
    shop.resume()
    assert shop.get_order(order_id=order["id"], caller=ADMIN)["status"] == "confirmed"


def test_no_step_may_take_longer_than_the_customer_waits(shop: Shop) -> None:
    """A bank that hangs must not use up the caller's time: there would be no answer at all."""
    left: list[float] = []
    authorise = shop.payments.authorise

    def slowly(**kwargs: Any) -> dict[str, Any]:
        left.append(context.remaining(60))
        return authorise(**kwargs)

    shop.payments.authorise = slowly  # type: ignore[method-assign]
    context.enter({"deadline": time.time() + 8})

    shop.order()

    assert left[0] <= shop.settings.answer_within
    assert context.remaining(60) > 6
    context.enter({})


def test_a_changed_total_is_said_and_nothing_is_bought(shop: Shop) -> None:
    with pytest.raises(PriceChanged) as changed:
        shop.order(expected_total={"amount": 1000, "currency": "USD"})

    assert changed.value.details == [
        {"expected": {"amount": 1000, "currency": "USD"}, "actual": {"amount": 1500, "currency": "USD"}}
    ]
    assert shop.ids() == []
    assert shop.order(expected_total={"amount": 1500, "currency": "USD"})["status"] == "confirmed"


def test_cart_empty_or_with_unsold_sku_is_refused(shop: Shop) -> None:
    shop.cart.lines = []
    with pytest.raises(ValidationFailed, match="cart: is empty"):
        shop.order()
    shop.cart.unavailable = ["LAMP"]
    with pytest.raises(NotFound) as gone:
        shop.order()
    assert gone.value.details == [{"field": "cart", "sku": "LAMP", "message": "gone"}]


def test_a_guest_needs_an_address_and_a_customer_has_one(shop: Shop) -> None:
    with pytest.raises(ValidationFailed, match="email"):
        shop.order(email=None)

    order = shop.order(email=None, caller=Caller(user_id=new_id(), email="grace@example.com").model_dump())

    assert order["email"] == "grace@example.com"
    assert "access_key" not in order


def test_an_order_is_its_owners_its_keys_and_the_administrators(shop: Shop) -> None:
    owner = Caller(user_id=new_id(), email="grace@example.com")
    order = shop.order(caller=owner.model_dump())
    guests = shop.order()

    for order_id, caller in (
        (order["id"], owner),
        (order["id"], ADMIN),
        (guests["id"], Caller(order_key=guests["access_key"])),
    ):
        assert shop.get_order(order_id=order_id, caller=caller)["id"] == order_id
        assert shop.history(order_id=order_id, caller=caller)[0]["type"] == "order_placed"
    for order_id, caller in (
        (order["id"], Caller()),
        (order["id"], Caller(user_id=new_id())),
        (order["id"], Caller(order_key=guests["access_key"])),
        (guests["id"], Caller(order_key="0" * 40)),
        (new_id(), ADMIN),
        ("no id", ADMIN),
    ):
        with pytest.raises(NotFound):
            shop.get_order(order_id=order_id, caller=caller)


def test_an_order_is_carried_to_the_customer_step_by_step(shop: Shop) -> None:
    order_id = shop.order()["id"]

    for status in ("processing", "shipped", "delivered", "returned"):
        order = shop.set_status(order_id=order_id, status=status, caller=ADMIN)
        assert order["status"] == status
        assert shop.set_status(order_id=order_id, status=status, caller=ADMIN) == order

    assert (order["carrier"], order["tracking_number"]) == ("UPS", "UP0000042")
    with pytest.raises(InvalidState):
        shop.set_status(order_id=order_id, status="shipped", caller=ADMIN)
    with pytest.raises(InvalidState):
        shop.cancel(order_id=order_id, caller=ADMIN)


def test_shipment_defaults_to_all_lines_and_the_address(shop: Shop) -> None:
    order_id = shop.order()["id"]

    shipment = shop.create_shipment(order_id=order_id, caller=ADMIN)

    sent = shop.shipping.sent[-1]
    assert (shipment.order_id, sent["items"], sent["address"]["city"]) == (
        order_id,
        [{"sku": "MUG", "quantity": 1}],
        ADDRESS["city"],
    )
    with pytest.raises(Forbidden):
        shop.create_shipment(order_id=order_id, caller=Caller(user_id=new_id(), roles=["CUSTOMER"]))


def _news(order_id: str) -> Any:
    """`payments` says something about the payment of this order; only whose it is matters here."""
    from types import SimpleNamespace

    return SimpleNamespace(order_id=order_id)
