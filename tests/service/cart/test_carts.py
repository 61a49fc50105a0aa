"""A cart from its first item to the order, for guests and customers, from many threads at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.api.cart import MAX_LINES, CheckoutView
from schemas.api.cart import Cart as CartReply
from schemas.events.orders import OrderConfirmed
from services.cart.store import CartStore, new_cart_id
from services.chassis.common import clock
from services.chassis.common.errors import NotFound, OutOfStock, ValidationFailed
from services.chassis.common.ids import new_id
from tests.service.cart.conftest import Carts, Products
from tests.support.callers import customer


def quantities(cart: dict[str, Any]) -> dict[str, int]:
    return {item["sku"]: item["quantity"] for item in cart["items"]}


def test_a_guests_first_item_makes_a_cart_in_one_call(carts: Carts, products: Products) -> None:
    cart = carts.add_item(sku="MUG", quantity=2)

    CartReply.model_validate(cart)
    assert products.asked == 1
    assert len(cart["id"]) >= 22
    assert cart["total"] == {"amount": 200, "currency": "USD"}
    assert carts.get_cart(cart_id=cart["id"]) == cart


def test_items_are_added_changed_and_removed(carts: Carts) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=2)["id"]

    assert quantities(carts.add_item(sku="LAMP", cart_id=cart_id)) == {"MUG": 2, "LAMP": 1}
    assert quantities(carts.add_item(sku="MUG", quantity=3, cart_id=cart_id)) == {"MUG": 5, "LAMP": 1}
    assert quantities(carts.set_quantity(sku="MUG", quantity=1, cart_id=cart_id)) == {"MUG": 1, "LAMP": 1}
    assert quantities(carts.remove_item(sku="MUG", cart_id=cart_id)) == {"LAMP": 1}
    emptied = carts.clear(cart_id=cart_id)
    assert (emptied["id"], emptied["items"]) == (cart_id, [])
    assert carts.checkout_view(cart_id=cart_id)["version"] == 6


def test_there_is_no_cart_and_that_is_an_empty_one(carts: Carts, user: str) -> None:
    for whose in ({}, {"cart_id": new_cart_id()}, {"caller": customer(user)}, {"cart_id": user}):
        assert carts.get_cart(**whose)["id"] is None
        assert carts.clear(**whose)["id"] is None
        for change in (
            lambda whose=whose: carts.remove_item(sku="MUG", **whose),
            lambda whose=whose: carts.set_quantity(sku="MUG", quantity=1, **whose),
        ):
            with pytest.raises(NotFound):
                change()


def test_an_id_that_is_not_ours_is_not_taken_over(carts: Carts, user: str) -> None:
    invented = new_cart_id()
    assert carts.add_item(sku="MUG", cart_id=invented)["id"] != invented

    carts.add_item(sku="MUG", caller=customer(user))
    assert carts.get_cart(cart_id=user)["id"] is None
    assert carts.add_item(sku="MUG", cart_id=user)["id"] != user
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 1}


@pytest.mark.parametrize("sku", ["GHOST", "OLD"])
def test_what_is_not_for_sale_is_not_put_in(carts: Carts, products: Products, sku: str) -> None:
    products.sells("OLD", active=False)

    with pytest.raises(NotFound) as refused:
        carts.add_item(sku=sku)

    assert refused.value.details[0]["field"] == "sku"


def test_no_more_than_there_is_over_all_additions(carts: Carts) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=8)["id"]

    with pytest.raises(OutOfStock) as refused:
        carts.add_item(sku="MUG", quantity=3, cart_id=cart_id)
    assert refused.value.details == [{"sku": "MUG", "requested": 11, "available": 10}]
    with pytest.raises(OutOfStock):
        carts.set_quantity(sku="MUG", quantity=11, cart_id=cart_id)
    assert quantities(carts.get_cart(cart_id=cart_id)) == {"MUG": 8}


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 10**12])
def test_absurd_quantities_are_refused_by_field(carts: Carts, quantity: int) -> None:
    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="MUG", quantity=quantity)

    assert refused.value.details[0]["field"] == "quantity"


def test_a_line_and_a_cart_have_their_limits(carts: Carts, products: Products) -> None:
    for index in range(MAX_LINES + 1):
        products.sells(f"S{index}", available=1_000_000)
    cart_id = carts.add_item(sku="S0", quantity=10_000)["id"]

    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="S0", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "quantity"
    for index in range(1, MAX_LINES):
        carts.add_item(sku=f"S{index}", cart_id=cart_id)
    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku=f"S{MAX_LINES}", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "sku"


def test_a_cart_is_in_one_currency(carts: Carts, products: Products) -> None:
    products.sells("EURO", currency="EUR")
    cart_id = carts.add_item(sku="MUG")["id"]

    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="EURO", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "sku"

    carts.clear(cart_id=cart_id)
    assert carts.add_item(sku="EURO", cart_id=cart_id)["currency"] == "EUR"


def test_changes_since_are_told(carts: Carts, products: Products) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=5)["id"]
    products.sells("MUG", 120, available=3)

    cart = carts.get_cart(cart_id=cart_id)

    assert [warning["code"] for warning in cart["warnings"]] == ["PRICE_CHANGED", "LOW_AVAILABILITY"]
    assert cart["total"]["amount"] == 600
    assert carts.set_quantity(sku="MUG", quantity=2, cart_id=cart_id)["warnings"] == []


def test_thirty_threads_adding_one_each_add_up(carts: Carts, products: Products) -> None:
    products.sells("MUG", available=30)
    cart_id = carts.add_item(sku="LAMP")["id"]

    def attempt(_: int) -> bool:
        try:
            carts.add_item(sku="MUG", cart_id=cart_id)
        except OutOfStock:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(50)))

    assert outcomes.count(True) == 30
    assert quantities(carts.get_cart(cart_id=cart_id)) == {"LAMP": 1, "MUG": 30}


def test_a_guests_cart_lives_on_with_each_use(carts: Carts, cart_store: CartStore) -> None:
    cart_id = carts.add_item(sku="MUG")["id"]
    key = f"cart:{{g:{cart_id}}}"
    for use in (
        lambda: carts.get_cart(cart_id=cart_id),
        lambda: carts.remove_item(sku="MUG", cart_id=cart_id),
        lambda: carts.clear(cart_id=cart_id),
        lambda: carts.add_item(sku="MUG", cart_id=cart_id),
    ):
        cart_store.redis.expire(key, 100)
        use()
        assert cart_store.redis.ttl(key) > 29 * 86_400


def test_a_customers_cart_does_not_end(carts: Carts, cart_store: CartStore, user: str) -> None:
    carts.add_item(sku="MUG", caller=customer(user))

    assert cart_store.redis.ttl(f"cart:{{u:{user}}}") == -1


def test_at_login_the_carts_become_one_once(carts: Carts, user: str) -> None:
    guest = carts.add_item(sku="MUG", quantity=2)["id"]
    carts.add_item(sku="LAMP", cart_id=guest)
    carts.add_item(sku="MUG", quantity=3, caller=customer(user))

    for _ in range(2):
        assert quantities(carts.merge(cart_id=guest, caller=customer(user))) == {"MUG": 5, "LAMP": 1}
    assert carts.get_cart(cart_id=guest)["id"] is None
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 5, "LAMP": 1}
    assert carts.add_item(sku="MUG", cart_id=guest)["id"] not in (guest, user)


def test_sixteen_logins_at_once_merge_once(carts: Carts, user: str) -> None:
    guest = carts.add_item(sku="MUG", quantity=2)["id"]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: carts.merge(cart_id=guest, caller=customer(user)), range(16)))

    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 2}


def test_a_merge_that_died_is_finished_by_the_next(carts: Carts, cart_store: CartStore, user: str) -> None:
    first, second = (carts.add_item(sku="MUG", quantity=2)["id"] for _ in range(2))
    key = f"cart:{{g:{first}}}"
    cart_store._freeze(keys=[key, f"{key}:merging"], args=[100])  # died after the first step
    carts.merge(cart_id=first, caller=customer(user))
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 2}

    key = f"cart:{{g:{second}}}"
    saved = cart_store.redis.hgetall(key)
    carts.merge(cart_id=second, caller=customer(user))
    cart_store.redis.hset(f"{key}:merging", mapping=saved)  # died before the last step
    carts.merge(cart_id=second, caller=customer(user))
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 4}
    assert cart_store.redis.keys(f"{key}*") == []


def test_a_merge_keeps_to_the_limits_and_to_one_currency(carts: Carts, products: Products, user: str) -> None:
    products.sells("NUT", available=10**6)
    products.sells("EURO", currency="EUR")
    guest = carts.add_item(sku="NUT", quantity=9_000)["id"]
    carts.add_item(sku="NUT", quantity=9_000, caller=customer(user))
    assert quantities(carts.merge(cart_id=guest, caller=customer(user))) == {"NUT": 10_000}

    foreign = carts.add_item(sku="EURO")["id"]
    assert quantities(carts.merge(cart_id=foreign, caller=customer(user))) == {"NUT": 10_000}


def confirmed(cart_id: str, **bought: int) -> OrderConfirmed:
    return OrderConfirmed(
        user_id=None,
        order_id=new_id(),
        number="UM-1",
        email="a@example.com",
        currency="USD",
        items=[
            {
                "sku": sku,
                "product_id": "p",
                "title": sku,
                "quantity": quantity,
                "unit_price": 1,
                "line_total": quantity,
            }
            for sku, quantity in bought.items()
        ],
        totals={"subtotal": 1, "discount": 0, "shipping": 0, "tax": 0, "total": 1},
        shipping_address={},
        shipping_method="standard",
        payment_id=new_id(),
        cart_id=cart_id,
        cart_version=1,
    )


def test_what_was_bought_leaves_the_cart_once_and_the_rest_stays(carts: Carts, cart_store: CartStore) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=2)["id"]
    event = confirmed(cart_id, MUG=2, GHOST=1)
    carts.add_item(sku="MUG", quantity=1, cart_id=cart_id)
    carts.add_item(sku="LAMP", cart_id=cart_id)

    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in (("MUG", 2), ("GHOST", 1))]
    assert carts.remove_ordered(cart_id=cart_id, order_id=event.order_id, lines=lines) is True
    assert carts.remove_ordered(cart_id=cart_id, order_id=event.order_id, lines=lines) is False
    carts.service.remove_confirmed(event)

    assert quantities(carts.get_cart(cart_id=cart_id)) == {"MUG": 1, "LAMP": 1}
    carts.service.remove_confirmed(confirmed(cart_id, MUG=1, LAMP=1))
    assert quantities(carts.get_cart(cart_id=cart_id)) == {}
    assert cart_store.remove_ordered(new_cart_id(), new_id(), [("MUG", 1)], clock.now()) is False


def test_an_order_takes_over_prices_tax_and_weight(carts: Carts, products: Products, user: str) -> None:
    carts.add_item(sku="MUG", quantity=2, caller=customer(user))
    carts.add_item(sku="LAMP", caller=customer(user))
    del products.facts["LAMP"]

    taken = carts.checkout_view(caller=customer(user), country="DE", region="BY")

    CheckoutView.model_validate(taken)
    assert taken["cart_id"] == user
    assert (taken["subtotal"], taken["weight_g"], taken["version"]) == (200, 20, 2)
    assert taken["lines"][0]["tax_rate_bp"] == 1900
    assert taken["unavailable"] == ["LAMP"]


def test_a_foreign_cart_is_not_found_at_the_checkout(carts: Carts, user: str) -> None:
    carts.add_item(sku="MUG", caller=customer(user))

    for foreign in (user, new_cart_id()):
        with pytest.raises(NotFound):
            carts.checkout_view(cart_id=foreign)
    assert carts.checkout_view(caller=customer(new_id()))["lines"] == []
