"""Carts of guests and customers: items, limits, merging, checkout, concurrency."""

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


def test_first_item_of_a_guest_creates_a_cart_in_one_call(carts: Carts, products: Products) -> None:
    cart = carts.add_item(sku="MUG", quantity=2)

    CartReply.model_validate(cart)
    assert products.calls == 1
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


def test_missing_cart_is_shown_as_empty(carts: Carts, user: str) -> None:
    for identity in ({}, {"cart_id": new_cart_id()}, {"caller": customer(user)}, {"cart_id": user}):
        assert carts.get_cart(**identity)["id"] is None
        assert carts.clear(**identity)["id"] is None
        for change in (
            lambda identity=identity: carts.remove_item(sku="MUG", **identity),
            lambda identity=identity: carts.set_quantity(sku="MUG", quantity=1, **identity),
        ):
            with pytest.raises(NotFound):
                change()


def test_unknown_cart_id_is_not_adopted(carts: Carts, user: str) -> None:
    unknown = new_cart_id()
    assert carts.add_item(sku="MUG", cart_id=unknown)["id"] != unknown

    carts.add_item(sku="MUG", caller=customer(user))
    assert carts.get_cart(cart_id=user)["id"] is None
    assert carts.add_item(sku="MUG", cart_id=user)["id"] != user
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 1}


@pytest.mark.parametrize("sku", ["GHOST", "OLD"])
def test_product_not_for_sale_is_refused(carts: Carts, products: Products, sku: str) -> None:
    products.add_sku("OLD", active=False)

    with pytest.raises(NotFound) as refused:
        carts.add_item(sku=sku)

    assert refused.value.details[0]["field"] == "sku"


def test_total_quantity_is_limited_by_stock(carts: Carts) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=8)["id"]

    with pytest.raises(OutOfStock) as refused:
        carts.add_item(sku="MUG", quantity=3, cart_id=cart_id)
    assert refused.value.details == [{"sku": "MUG", "requested": 11, "available": 10}]
    with pytest.raises(OutOfStock):
        carts.set_quantity(sku="MUG", quantity=11, cart_id=cart_id)
    assert quantities(carts.get_cart(cart_id=cart_id)) == {"MUG": 8}


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 10**12])
def test_invalid_quantity_is_refused_by_field(carts: Carts, quantity: int) -> None:
    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="MUG", quantity=quantity)

    assert refused.value.details[0]["field"] == "quantity"


def test_line_quantity_and_line_count_are_limited(carts: Carts, products: Products) -> None:
    for index in range(MAX_LINES + 1):
        products.add_sku(f"S{index}", available=1_000_000)
    cart_id = carts.add_item(sku="S0", quantity=10_000)["id"]

    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="S0", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "quantity"
    for index in range(1, MAX_LINES):
        carts.add_item(sku=f"S{index}", cart_id=cart_id)
    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku=f"S{MAX_LINES}", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "sku"


def test_cart_has_one_currency(carts: Carts, products: Products) -> None:
    products.add_sku("EURO", currency="EUR")
    cart_id = carts.add_item(sku="MUG")["id"]

    with pytest.raises(ValidationFailed) as refused:
        carts.add_item(sku="EURO", cart_id=cart_id)
    assert refused.value.details[0]["field"] == "sku"

    carts.clear(cart_id=cart_id)
    assert carts.add_item(sku="EURO", cart_id=cart_id)["currency"] == "EUR"


def test_changed_price_and_stock_are_warnings(carts: Carts, products: Products) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=5)["id"]
    products.add_sku("MUG", 120, available=3)

    cart = carts.get_cart(cart_id=cart_id)

    assert [warning["code"] for warning in cart["warnings"]] == ["PRICE_CHANGED", "LOW_AVAILABILITY"]
    assert cart["total"]["amount"] == 600
    assert carts.set_quantity(sku="MUG", quantity=2, cart_id=cart_id)["warnings"] == []


def seen_prices(carts: Carts, **whose: Any) -> dict[str, int]:
    return {line["sku"]: line["seen_price"] for line in carts.checkout_view(**whose)["lines"]}


def test_checkout_view_has_the_prices_last_shown(carts: Carts, products: Products) -> None:
    cart_id = carts.add_item(sku="MUG")["id"]
    carts.add_item(sku="LAMP", cart_id=cart_id)
    products.add_sku("MUG", 120)
    products.add_sku("LAMP", 240)

    before = seen_prices(carts, cart_id=cart_id)
    carts.get_cart(cart_id=cart_id)
    after = seen_prices(carts, cart_id=cart_id)
    products.add_sku("MUG", 110)
    carts.set_quantity(sku="MUG", quantity=2, cart_id=cart_id)

    assert before == {"MUG": 100, "LAMP": 250}
    assert after == {"MUG": 120, "LAMP": 240}
    assert seen_prices(carts, cart_id=cart_id) == {"MUG": 110, "LAMP": 240}


def test_merge_keeps_the_lower_price_seen(carts: Carts, products: Products, user: str) -> None:
    guest = carts.add_item(sku="MUG")["id"]
    carts.add_item(sku="LAMP", cart_id=guest)
    products.add_sku("MUG", 80)
    carts.get_cart(cart_id=guest)
    products.add_sku("MUG", 120)
    carts.add_item(sku="MUG", caller=customer(user))
    products.add_sku("LAMP", 300)

    merged = carts.merge(cart_id=guest, caller=customer(user))

    assert [item["unit_price"]["amount"] for item in merged["items"]] == [120, 300]
    assert seen_prices(carts, caller=customer(user)) == {"MUG": 80, "LAMP": 250}


def test_concurrent_additions_add_up(carts: Carts, products: Products) -> None:
    products.add_sku("MUG", available=30)
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


def test_expiry_of_a_guest_cart_is_extended_by_each_use(carts: Carts, cart_store: CartStore) -> None:
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


def test_customer_cart_does_not_expire(carts: Carts, cart_store: CartStore, user: str) -> None:
    carts.add_item(sku="MUG", caller=customer(user))

    assert cart_store.redis.ttl(f"cart:{{u:{user}}}") == -1


def test_carts_are_merged_once_at_login(carts: Carts, user: str) -> None:
    guest = carts.add_item(sku="MUG", quantity=2)["id"]
    carts.add_item(sku="LAMP", cart_id=guest)
    carts.add_item(sku="MUG", quantity=3, caller=customer(user))

    for _ in range(2):
        assert quantities(carts.merge(cart_id=guest, caller=customer(user))) == {"MUG": 5, "LAMP": 1}
    assert carts.get_cart(cart_id=guest)["id"] is None
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 5, "LAMP": 1}
    assert carts.add_item(sku="MUG", cart_id=guest)["id"] not in (guest, user)


def test_concurrent_merges_merge_once(carts: Carts, user: str) -> None:
    guest = carts.add_item(sku="MUG", quantity=2)["id"]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: carts.merge(cart_id=guest, caller=customer(user)), range(16)))

    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 2}


def freeze(cart_store: CartStore, guest: str, user: str) -> None:
    """Begin a merge, as a process does that ends after the first step."""
    key = f"cart:{{g:{guest}}}"
    cart_store._freeze(keys=[key, f"{key}:merging", f"{key}:merged_into"], args=[100, user])


def test_interrupted_merge_is_finished_by_the_next(carts: Carts, cart_store: CartStore, user: str) -> None:
    first, second = (carts.add_item(sku="MUG", quantity=2)["id"] for _ in range(2))
    freeze(cart_store, first, user)  # as if the process ended after the first step
    carts.merge(cart_id=first, caller=customer(user))
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 2}

    key = f"cart:{{g:{second}}}"
    saved = cart_store.redis.hgetall(key)
    carts.merge(cart_id=second, caller=customer(user))
    cart_store.redis.hset(f"{key}:merging", mapping=saved)  # as if the process ended before the last step
    carts.merge(cart_id=second, caller=customer(user))
    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 4}
    assert cart_store.redis.keys(f"{key}*") == [f"{key}:merged_into"]


def test_merge_respects_limits_and_currency(carts: Carts, products: Products, user: str) -> None:
    products.add_sku("NUT", available=10**6)
    products.add_sku("EURO", currency="EUR")
    guest = carts.add_item(sku="NUT", quantity=9_000)["id"]
    carts.add_item(sku="NUT", quantity=9_000, caller=customer(user))
    assert quantities(carts.merge(cart_id=guest, caller=customer(user))) == {"NUT": 10_000}

    euro_cart = carts.add_item(sku="EURO")["id"]
    assert quantities(carts.merge(cart_id=euro_cart, caller=customer(user))) == {"NUT": 10_000}


def confirmed(cart_id: str, **quantities_: int) -> OrderConfirmed:
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
            for sku, quantity in quantities_.items()
        ],
        totals={"subtotal": 1, "discount": 0, "shipping": 0, "tax": 0, "total": 1},
        shipping_address={},
        shipping_method="standard",
        payment_id=new_id(),
        cart_id=cart_id,
        cart_version=1,
    )


def test_ordered_items_are_removed_once(carts: Carts, cart_store: CartStore) -> None:
    cart_id = carts.add_item(sku="MUG", quantity=2)["id"]
    event = confirmed(cart_id, MUG=2, GHOST=1)
    carts.add_item(sku="MUG", quantity=1, cart_id=cart_id)
    carts.add_item(sku="LAMP", cart_id=cart_id)

    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in (("MUG", 2), ("GHOST", 1))]
    assert carts.remove_ordered(cart_id=cart_id, order_id=event.order_id, lines=lines) is True
    assert carts.remove_ordered(cart_id=cart_id, order_id=event.order_id, lines=lines) is False
    carts.service.remove_confirmed([event])

    assert quantities(carts.get_cart(cart_id=cart_id)) == {"MUG": 1, "LAMP": 1}
    carts.service.remove_confirmed([confirmed(cart_id, MUG=1, LAMP=1)])
    assert quantities(carts.get_cart(cart_id=cart_id)) == {}
    assert cart_store.remove_ordered(new_cart_id(), new_id(), [("MUG", 1)], clock.now()) is False


@pytest.mark.parametrize("steps", ["order, merge", "merge, order", "freeze, order, merge", "order, merge, order"])
def test_guest_order_empties_cart_merged_meanwhile(carts: Carts, cart_store: CartStore, user: str, steps: str) -> None:
    """A guest signs in while the order is pending: what was bought does not come back in the customer's cart."""
    carts.add_item(sku="MUG", quantity=3, caller=customer(user))
    guest = carts.add_item(sku="MUG", quantity=2)["id"]
    carts.add_item(sku="LAMP", quantity=2, cart_id=guest)
    event = confirmed(guest, MUG=2, LAMP=1)
    perform = {
        "order": lambda: carts.service.remove_confirmed([event]),
        "merge": lambda: carts.merge(cart_id=guest, caller=customer(user)),
        "freeze": lambda: freeze(cart_store, guest, user),
    }

    for step in steps.split(", "):
        for _ in range(2):  # each may be repeated
            perform[step]()

    assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 3, "LAMP": 1}
    assert cart_store.redis.ttl(f"cart:{{g:{guest}}}:merged_into") > 0


def test_guest_order_racing_with_merge_is_removed_once(carts: Carts, user: str) -> None:
    for _ in range(20):
        carts.clear(caller=customer(user))
        guest = carts.add_item(sku="MUG", quantity=3)["id"]
        event = confirmed(guest, MUG=2)
        steps = [lambda: carts.merge(cart_id=guest, caller=customer(user))] * 3  # noqa: B023 - run in this round
        steps += [lambda: carts.service.remove_confirmed([event])] * 3  # noqa: B023

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda step: step(), steps))

        assert quantities(carts.get_cart(caller=customer(user))) == {"MUG": 1}


def test_guest_order_takes_only_units_merged(carts: Carts, products: Products, user: str) -> None:
    products.add_sku("NUT", available=10**6)
    carts.add_item(sku="NUT", quantity=9_999, caller=customer(user))
    guest = carts.add_item(sku="NUT", quantity=5)["id"]
    carts.merge(cart_id=guest, caller=customer(user))  # one fits

    carts.service.remove_confirmed([confirmed(guest, NUT=5)])

    assert quantities(carts.get_cart(caller=customer(user))) == {"NUT": 9_999}


def test_checkout_view_has_prices_tax_and_weight(carts: Carts, products: Products, user: str) -> None:
    carts.add_item(sku="MUG", quantity=2, caller=customer(user))
    carts.add_item(sku="LAMP", caller=customer(user))
    del products.priced_skus["LAMP"]

    checkout_view = carts.checkout_view(caller=customer(user), country="DE", region="BY")

    CheckoutView.model_validate(checkout_view)
    assert checkout_view["cart_id"] == user
    assert (checkout_view["subtotal"], checkout_view["weight_g"], checkout_view["version"]) == (200, 20, 2)
    assert checkout_view["lines"][0]["tax_rate_bp"] == 1900
    assert checkout_view["unavailable"] == ["LAMP"]


def test_cart_of_another_customer_is_not_found_at_checkout(carts: Carts, user: str) -> None:
    carts.add_item(sku="MUG", caller=customer(user))

    for other in (user, new_cart_id()):
        with pytest.raises(NotFound):
            carts.checkout_view(cart_id=other)
    assert carts.checkout_view(caller=customer(new_id()))["lines"] == []
