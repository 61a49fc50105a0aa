"""Shipping rates, shipments, tracking and tax over HTTP."""

from typing import Any

import pytest

from tests.support.shop import ADDRESS, Shop, eventually, new_key


def test_rate_is_the_shipping_price_of_the_order(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product(price=1200))

    rates = guest("POST", "/shipping/rates", {"address": {"country": "US", "region": "OR", "postal_code": "97477"}})

    assert rates.status == 200
    assert [rate["price"]["amount"] for rate in rates.data] == sorted(rate["price"]["amount"] for rate in rates.data)
    for rate in rates.data:
        assert 0 <= rate["days_min"] <= rate["days_max"]
        buyer = shop.guest()
        buyer.add(shop.product(price=1200))
        order = buyer.order(shipping_method=rate["method"])
        assert order.data["shipping_total"] == rate["price"]


def test_rates_default_to_the_customers_own_cart(shop: Shop) -> None:
    customer = shop.customer()
    customer.add(shop.product(price=1200))
    cart = customer("GET", "/cart").data["id"]
    address = {"address": {"country": "US"}}

    implied = customer("POST", "/shipping/rates", address)
    named = customer("POST", "/shipping/rates", address | {"cart_id": cart})

    assert implied.status == 200
    assert implied.data
    assert named.data == implied.data


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "address"),
        ({"address": {}}, 422, "address.country"),
        ({"address": {"country": "USA"}}, 422, "address.country"),
        ({"address": {"country": "us"}}, 422, "address.country"),
        ({"address": {"country": 1}}, 422, "address.country"),
        ({"address": {"country": "US", "postal_code": "9" * 21}}, 422, "address.postal_code"),
        ({"address": {"country": "US"}, "cart_id": "x"}, 422, "cart_id"),
        ({"address": {"country": "US"}, "cart_id": "no-such-cart-of-ours"}, 404, "cart_id"),
    ],
)
def test_invalid_rate_request_is_refused(shop: Shop, body: dict[str, Any], status: int, field: str) -> None:
    refused = shop.guest()("POST", "/shipping/rates", body)

    assert refused.status == status
    assert refused.error["details"][0]["field"] == field


def test_shipping_methods_are_public(shop: Shop) -> None:
    methods = shop.guest()("GET", "/shipping/methods").data

    assert "standard" in [method["method"] for method in methods]
    assert all(method["days_min"] <= method["days_max"] for method in methods)


def test_shipment_is_tracked_by_its_number(shop: Shop) -> None:
    customer = shop.customer()
    sku = shop.product()
    customer.add(sku, 2)
    order_id, number = customer.order().data["id"], f"UP{new_key()[:12].upper()}"
    body = {"order_id": order_id, "items": [{"sku": sku, "quantity": 1}], "tracking_number": number}

    created = shop.admin("POST", "/shipments", body, key=new_key())
    again = shop.admin("POST", "/shipments", body, key=new_key())
    event = shop.admin(
        "POST", f"/shipments/{created.data['id']}/events", {"status": "in_transit", "location": "Portland"}
    )

    assert (created.status, created.data["status"], created.data["items"]) == (201, "created", body["items"])
    assert again.data["id"] == created.data["id"]
    assert event.status == 201
    tracking = shop.guest()("GET", f"/tracking/{number}").data
    assert [entry["status"] for entry in tracking["events"]] == ["created", "in_transit"]
    assert tracking["status"] == "in_transit"
    assert "address" not in tracking
    assert customer("GET", f"/shipments/{created.data['id']}").data["tracking_number"] == number


@pytest.mark.parametrize(
    ("items", "status", "field"),
    [
        ([{"sku": "NOT-IN-IT", "quantity": 1}], 422, "items.0.sku"),
        ([{"sku": "{sku}", "quantity": 3}], 409, "items.0.quantity"),
    ],
)
def test_items_not_in_the_order_are_not_shipped(
    shop: Shop, items: list[dict[str, Any]], status: int, field: str
) -> None:
    customer, sku = shop.customer(), shop.product()
    customer.add(sku, 2)
    order_id = customer.order().data["id"]
    items = [item | {"sku": item["sku"].format(sku=sku)} for item in items]

    refused = shop.admin("POST", "/shipments", {"order_id": order_id, "items": items}, key=new_key())

    assert (refused.status, refused.error["details"][0]["field"]) == (status, field)


def test_order_follows_its_shipments_and_cancellations(shop: Shop) -> None:
    customer, mug, lamp = shop.customer(), shop.product(stock=5, price=1000), shop.product(stock=5, price=2000)
    customer.add(mug, 3)
    customer.add(lamp, 1)
    order = customer.order().data
    path = f"/orders/{order['id']}"

    parcel = shop.admin("POST", "/shipments", {"order_id": order["id"], "items": [{"sku": mug, "quantity": 2}]})
    over = shop.admin("POST", "/shipments", {"order_id": order["id"], "items": [{"sku": mug, "quantity": 2}]})
    sent = customer("POST", f"{path}/cancel", {"lines": [{"sku": mug, "quantity": 2}]}, key=new_key())
    cancelled = customer("POST", f"{path}/cancel", {"reason": "too late"}, key=new_key())

    assert (parcel.status, over.status, over.code) == (201, 409, "INVALID_STATE")
    assert (sent.status, sent.code) == (409, "INVALID_STATE")
    assert cancelled.status == 200
    assert [(item["shipped"], item["cancelled"]) for item in cancelled.data["items"]] == [(2, 1), (0, 1)]
    assert (cancelled.data["status"], cancelled.data["payment"]["status"]) == ("shipped", "partially_refunded")
    assert (shop.settled_level(mug), shop.settled_level(lamp)) == ((3, 0, 3), (5, 0, 5))
    shop.admin("POST", f"/shipments/{parcel.data['id']}/events", {"status": "delivered"})
    assert eventually(lambda: customer("GET", path).data["status"] == "delivered")
    assert customer("POST", f"{path}/cancel", {}, key=new_key()).code == "INVALID_STATE"


def test_unknown_tracking_number_is_not_found(shop: Shop) -> None:
    assert shop.guest()("GET", "/tracking/UP000000NOSUCH").status == 404


def test_administrator_manages_tax_rates(shop: Shop) -> None:
    rate = {"country": "ZW", "region": "HA", "tax_class": "standard", "rate_bp": 1450, "name": "VAT"}

    saved = shop.admin("PUT", "/tax-rates", rate)
    changed = shop.admin("PUT", "/tax-rates", rate | {"rate_bp": 1500})
    listed = shop.admin("GET", "/tax-rates?country=ZW").data
    removed = shop.admin("DELETE", f"/tax-rates/{saved.data['id']}")

    assert saved.data == {"id": "ZW:HA:standard", **rate, "version": 1}
    assert changed.data == saved.data | {"rate_bp": 1500, "version": 2}
    assert listed == [changed.data]
    assert removed.status == 200
    assert shop.admin("GET", "/tax-rates?country=ZW").data == []
    assert shop.admin("DELETE", f"/tax-rates/{saved.data['id']}").status == 404


def test_tax_is_added_by_destination(shop: Shop) -> None:
    guest = shop.guest()
    guest.add(shop.product(price=10_000))

    order = guest.order(shipping_address=ADDRESS | {"country": "DE", "region": None, "postal_code": "10115"}).data

    assert order["tax_total"]["amount"] == 1900
    assert order["total"]["amount"] == 10_000 + 1900 + order["shipping_total"]["amount"]
