"""One unpaid order per cart: a newer one replaces it, and its stock and payment are free again."""

from typing import Any

import pytest

from schemas.caller import Caller
from schemas.events.payments import PaymentDisputeClosed, PaymentDisputeOpened
from services.chassis.common.context import having
from services.chassis.common.errors import Conflict, InvalidState, PaymentActionRequired, RateLimited
from services.chassis.common.ids import new_id
from services.chassis.observability import audit_records
from services.orders.settings import OrderSettings
from tests.service.orders.conftest import ADMIN, Shop, run_concurrently
from tests.support.fake_services import AUTHENTICATION_CARD, SimulatedCrash


def order_and_wait(shop: Shop, **values: object) -> str:
    """Place an order whose payment waits for the customer; returns its id."""
    with pytest.raises(PaymentActionRequired) as refused:
        shop.order(AUTHENTICATION_CARD, **values)
    return str(refused.value.details[0]["order_id"])


def test_other_card_gets_the_stock_of_the_unpaid_order(shop: Shop) -> None:
    shop.inventory.stock = {"MUG": 1}
    first = order_and_wait(shop)

    second = shop.order()

    assert second["status"] == "confirmed"
    replaced = shop.now(first)
    assert (replaced.status, replaced.failure and replaced.failure.code) == ("failed", "CONFLICT")
    assert shop.payments.state(replaced.placed.payment_id) == "voided", "the customer can't pay it any more"
    assert shop.inventory.stock == {"MUG": 0}


def test_replaced_order_that_was_paid_meanwhile_is_undone(shop: Shop) -> None:
    first = order_and_wait(shop)
    shop.payments.customer_confirms(shop.now(first).placed.payment_id)

    second = shop.order()

    charges = [shop.payments.charged(shop.now(order_id).placed.payment_id) for order_id in (first, second["id"])]
    assert charges == [0, second["total"]["amount"]]


def test_crash_while_replacing_is_finished(shop: Shop) -> None:
    shop.inventory.stock = {"MUG": 1}
    first = order_and_wait(shop)
    shop.to_payments.faults = ["dies_before"]
    with pytest.raises(SimulatedCrash):
        shop.order()

    shop.inventory.stock |= {"MUG": shop.inventory.stock["MUG"]}
    shop.resume()

    second = shop.ids()[-1]
    assert (shop.now(first).status, shop.now(second).status) == ("failed", "confirmed")
    assert shop.inventory.stock == {"MUG": 0}


def test_order_being_paid_is_not_replaced(shop: Shop) -> None:
    shop.to_payments.faults = ["lost"]
    first = shop.order()
    assert first["status"] == "pending"

    with pytest.raises(Conflict) as refused:
        shop.order()

    assert refused.value.details[0]["order_id"] == first["id"]
    shop.resume()
    assert shop.now(first["id"]).status == "confirmed"


def test_concurrent_replacements_leave_one_order(shop: Shop) -> None:
    shop.inventory.stock, shop.cart.fixed_version = {"MUG": 1}, True
    order_and_wait(shop)

    outcomes = run_concurrently(6, lambda _: shop.order()["status"])
    shop.resume()

    statuses = [shop.now(order_id).status for order_id in shop.ids()]
    assert statuses.count("confirmed") == 1
    assert set(statuses) == {"confirmed", "failed"}
    # one that comes after the confirmation orders a later version of the cart
    assert set(outcomes) <= {"confirmed", "CONFLICT", "pending", "OUT_OF_STOCK"}
    assert shop.inventory.stock == {"MUG": 0}


def test_cancelled_replacement_frees_the_first_order_too(shop: Shop) -> None:
    shop.inventory.stock = {"MUG": 1}
    order_and_wait(shop)
    shop.to_payments.faults = ["dies_before"]  # while the second order closes the first one
    with pytest.raises(SimulatedCrash):
        shop.order()

    shop.cancel(order_id=shop.ids()[-1], caller=ADMIN)
    third = shop.order()

    assert third["status"] == "confirmed"
    assert [shop.now(order_id).status for order_id in shop.ids()] == ["failed", "cancelled", "confirmed"]


def test_same_key_returns_the_paid_order_and_its_access_key(shop: Shop) -> None:
    order_id = order_and_wait(shop, key="a-key")
    shop.payments.customer_confirms(shop.now(order_id).placed.payment_id)
    shop.resume()

    again = shop.order(AUTHENTICATION_CARD, key="a-key")

    assert (again["id"], again["status"]) == (order_id, "confirmed")
    assert shop.get_order(order_id=order_id, caller=Caller(order_key=again["access_key"]))["id"] == order_id


def test_unpaid_orders_of_a_customer_are_limited(shop: Shop) -> None:
    shop.service = shop.new_process()
    shop.service.settings = OrderSettings(secret_key="a-secret-of-the-tests", unpaid_orders_per_customer=2)  # type: ignore[assignment]
    for number in range(2):
        order_and_wait(shop, cart_id=f"cart-{number}")

    with pytest.raises(RateLimited):
        shop.order(AUTHENTICATION_CARD, cart_id="cart-2")

    assert len(shop.ids()) == 2
    assert shop.order(cart_id="cart-2", email="grace@example.com")["status"] == "confirmed"
    shop.cancel(order_id=shop.ids()[0], caller=ADMIN)
    order_and_wait(shop, cart_id="cart-3")


@pytest.mark.parametrize("limited", ["customer", "address"])
def test_limit_of_unpaid_orders_holds_for_orders_at_once(shop: Shop, limited: str) -> None:
    limits: Any = {f"unpaid_orders_per_{limited}": 3}
    shop.service.settings = OrderSettings(secret_key="a-secret-of-the-tests", **limits)  # type: ignore[assignment]

    def place(number: int) -> Any:
        email = "ada@example.com" if limited == "customer" else f"buyer-{number}@example.com"
        address = "203.0.113.7" if limited == "address" else f"203.0.113.{number}"
        with having(actor=audit_records.actor_context(None, [], address, None)):
            return shop.order(AUTHENTICATION_CARD, key=f"key-{number}", cart_id=f"cart-{number}", email=email)

    outcomes = run_concurrently(12, place)

    assert sorted(outcomes) == ["PAYMENT_ACTION_REQUIRED"] * 3 + ["RATE_LIMITED"] * 9
    assert len(shop.ids()) == 3


def test_repeated_command_is_not_limited(shop: Shop) -> None:
    shop.service.settings = OrderSettings(secret_key="a-secret-of-the-tests", unpaid_orders_per_customer=1)  # type: ignore[assignment]
    order_and_wait(shop, cart_id="cart-0", key="a-key")

    with pytest.raises(PaymentActionRequired):
        shop.order(AUTHENTICATION_CARD, cart_id="cart-0", key="a-key")


def test_unpaid_orders_of_an_address_are_limited(shop: Shop) -> None:
    shop.service.settings = OrderSettings(secret_key="a-secret-of-the-tests", unpaid_orders_per_address=1)  # type: ignore[assignment]

    with having(actor=audit_records.actor_context(None, [], "203.0.113.7", None)):
        order_and_wait(shop, cart_id="cart-0", email="a@example.com")
        with pytest.raises(RateLimited):
            shop.order(AUTHENTICATION_CARD, cart_id="cart-1", email="b@example.com")
    with having(actor=audit_records.actor_context(None, [], "203.0.113.8", None)):
        order_and_wait(shop, cart_id="cart-1", email="b@example.com")


def test_order_of_a_disputed_payment_waits_for_a_person(shop: Shop) -> None:
    order = shop.order()
    shop.payments.payments[order["payment"]["id"]]["disputed"] = True

    reply = shop.cancel(order_id=order["id"], caller=ADMIN)
    shop.resume()

    assert reply["status"] == "confirmed"
    [stuck] = shop.stuck(query={}, caller=ADMIN)["items"]
    assert (stuck["id"], stuck["step"], stuck["suspended"], stuck["reason"]) == (
        order["id"],
        "reverse_payment",
        True,
        "The charge is disputed",
    )
    assert shop.inventory.state(order["id"]) == "held"
    ended = shop.end(order_id=order["id"], reason="The dispute took the money back", caller=ADMIN)
    assert ended["status"] == "cancelled"
    assert shop.inventory.state(order["id"]) == "released"
    assert shop.stuck(query={}, caller=ADMIN)["items"] == []


def test_suspended_order_is_resumed(shop: Shop) -> None:
    order = shop.order()
    payment = shop.payments.payments[order["payment"]["id"]]
    payment["disputed"] = True
    shop.cancel(order_id=order["id"], caller=ADMIN)
    payment["disputed"] = False

    resumed = shop.resume_order(order_id=order["id"], reason="The dispute was won", caller=ADMIN)

    assert resumed["status"] == "cancelled"
    assert shop.payments.charged(order["payment"]["id"]) == 0
    with pytest.raises(InvalidState):
        shop.end(order_id=order["id"], reason="Nothing to end", caller=ADMIN)


def dispute(order: dict[str, Any], outcome: str | None = None) -> PaymentDisputeOpened | PaymentDisputeClosed:
    """A dispute of the order's payment: opened, or closed with an outcome."""
    fields = {"payment_id": order["payment"]["id"], "order_id": order["id"], "dispute_id": "d-1", "amount": 1500}
    fields |= {"currency": "USD", "reason": "fraudulent", "provider": "sandbox"}
    return PaymentDisputeClosed(**fields, outcome=outcome) if outcome else PaymentDisputeOpened(**fields)


def test_end_of_a_dispute_resumes_its_order(shop: Shop) -> None:
    order = shop.order()
    payment = shop.payments.payments[order["payment"]["id"]]
    payment["disputed"] = True
    shop.service.payment_was_disputed(dispute(order))
    shop.service.payment_was_disputed(dispute(order))
    shop.cancel(order_id=order["id"], caller=ADMIN)
    payment["disputed"] = False

    shop.service.payment_was_disputed(dispute(order, "won"))

    final = shop.get_order(order_id=order["id"], caller=ADMIN)
    assert final["status"] == "cancelled"
    reasons = [entry["reason"] for entry in final["timeline"] if "dispute" in entry.get("reason", "")]
    assert reasons == ["Payment dispute opened", "Payment dispute won"]
    assert shop.payments.charged(order["payment"]["id"]) == 0


def test_unknown_order_is_not_resolved(shop: Shop) -> None:
    from services.chassis.common.errors import NotFound

    with pytest.raises(NotFound):
        shop.end(order_id=new_id(), reason="There is none", caller=ADMIN)
