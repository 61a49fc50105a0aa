"""Carts over HTTP: changes of price, availability and status in the catalogue, quantities, removal."""

import pytest

from tests.support import database
from tests.support.shop import Shop, eventually, new_key


def test_new_product_is_listed_and_can_be_bought(shop: Shop) -> None:
    sku, brand = f"NEW-{new_key()[:8].upper()}", f"Brand {new_key()[:8]}"
    variant = {"sku": sku, "price": {"amount": 700, "currency": "USD"}}
    created = shop.admin("POST", "/products", {"title": sku, "brand": brand, "status": "active", "variants": [variant]})
    shop.adjust(sku, 2)
    guest = shop.guest()

    assert eventually(lambda: [item["id"] for item in guest("GET", f"/products?brand={brand}").data]) == [
        created.data["id"]
    ]
    assert eventually(lambda: guest("GET", f"/products?brand={brand}&in_stock=true").data)
    assert eventually(lambda: guest.add(sku, 2).status == 201)
    assert guest.order().data["subtotal"] == {"amount": 1400, "currency": "USD"}


def test_changed_price_is_a_warning_and_is_charged(shop: Shop) -> None:
    sku = shop.product(stock=5, price=1000)
    guest = shop.guest()
    added = guest.add(sku, 2).data
    path = f"/products/{added['items'][0]['product_id']}"
    variant = {"sku": sku, "price": {"amount": 1500, "currency": "USD"}, "weight_g": 200}

    assert shop.admin("PATCH", path, {"variants": [variant]}).status == 200

    unseen = guest.order()
    cart = guest("GET", "/cart").data
    assert (unseen.status, unseen.code) == (409, "PRICE_CHANGED")
    assert [(warning["code"], warning["sku"]) for warning in cart["warnings"]] == [("PRICE_CHANGED", sku)]
    assert cart["subtotal"] == {"amount": 3000, "currency": "USD"}
    refused = guest.order(expected_total=added["total"])
    assert (refused.status, refused.code) == (409, "PRICE_CHANGED")
    assert guest.order().data["subtotal"] == {"amount": 3000, "currency": "USD"}


@pytest.mark.parametrize("how", ["archived", "deleted"])
def test_unavailable_item_is_a_warning_and_not_ordered(shop: Shop, how: str) -> None:
    sku, other = shop.product(stock=5), shop.product(stock=5, price=300)
    customer = shop.customer()
    customer.add(other)
    product = next(item for item in customer.add(sku).data["items"] if item["sku"] == sku)["product_id"]
    if how == "archived":
        shop.admin("PATCH", f"/products/{product}", {"status": "archived"})
    else:
        shop.admin("DELETE", f"/products/{product}")

    cart = customer("GET", "/cart").data
    refused = customer.order()

    assert [(warning["code"], warning["sku"]) for warning in cart["warnings"]] == [("UNAVAILABLE", sku)]
    assert cart["subtotal"]["amount"] == 300
    assert (refused.status, refused.code) == (404, "NOT_FOUND")
    assert [detail["sku"] for detail in refused.error["details"]] == [sku]
    assert database.orders_with(sku) == []
    assert shop.settled_level(other) == (5, 0, 5)
    assert customer("DELETE", f"/cart/items/{sku}").data["warnings"] == []
    assert customer.order().status == 201


def test_sold_out_item_is_a_warning_and_not_ordered(shop: Shop) -> None:
    sku = shop.product(stock=3)
    guest, other = shop.guest(), shop.guest()
    guest.add(sku, 3)
    other.add(sku, 2)
    assert other.order().status == 201

    cart = eventually(lambda: (view := guest("GET", "/cart").data)["warnings"] and view)
    refused = guest.order()

    assert [warning["code"] for warning in cart["warnings"]] == ["LOW_AVAILABILITY"]
    assert cart["items"][0]["available"] == 1
    assert (refused.status, refused.code) == (409, "OUT_OF_STOCK")
    assert {name: refused.error["details"][0][name] for name in ("sku", "requested", "available")} == {
        "sku": sku,
        "requested": 3,
        "available": 1,
    }
    assert shop.settled_level(sku) == (1, 0, 1)


def test_quantities_are_set_and_items_removed(shop: Shop) -> None:
    sku = shop.product(stock=9, price=250)
    guest = shop.guest()
    assert guest("GET", "/cart").data["id"] is None
    guest.add(sku, 1)

    increased = guest.add(sku, 2).data
    reduced = guest("PATCH", f"/cart/items/{sku}", {"quantity": 2}).data
    too_many = guest("PATCH", f"/cart/items/{sku}", {"quantity": 10})
    removed = guest("DELETE", f"/cart/items/{sku}").data
    again = guest("DELETE", f"/cart/items/{sku}")

    assert (increased["item_count"], reduced["item_count"], removed["item_count"]) == (3, 2, 0)
    assert reduced["items"][0]["line_total"] == reduced["total"] == {"amount": 500, "currency": "USD"}
    assert (too_many.status, too_many.code) == (409, "OUT_OF_STOCK")
    assert (again.status, again.code) == (404, "NOT_FOUND")
    guest.add(sku, 4)
    assert guest("DELETE", "/cart").data["items"] == []


def test_unknown_sku_is_not_added_to_the_cart(shop: Shop) -> None:
    refused = shop.guest().add("NO-SUCH-SKU")

    assert (refused.status, refused.code) == (404, "NOT_FOUND")
    assert refused.error["details"][0]["field"] == "sku"
