"""Access to another user's data: the reply is 404 for everyone else, and the data stays unchanged."""

from typing import Any

import pytest

from tests.support.existing_customer import ExistingCustomer
from tests.support.shop import ADDRESS, Client, Shop, new_key

STATUS = {"status": "processing"}
PRICE = {"amount": 1, "currency": "USD"}


@pytest.fixture(scope="module")
def other_customer(shop: Shop) -> Client:
    return shop.customer()


@pytest.mark.parametrize("caller", ["another customer", "a guest"])
@pytest.mark.parametrize(
    ("method", "path", "body", "guests"),
    [
        ("GET", "/orders/{order}", None, True),
        ("GET", "/orders/{order}/events", None, True),
        ("POST", "/orders/{order}/cancel", {"reason": "Not mine"}, True),
        ("GET", "/payments/{payment}", None, False),
        ("GET", "/users/me/addresses/{address}", None, False),
        ("PUT", "/users/me/addresses/{address}", ADDRESS | {"name": "Mallory"}, False),
        ("DELETE", "/users/me/addresses/{address}", None, False),
        ("POST", "/shipping/rates", {"address": {"country": "US"}, "cart_id": "{user}"}, True),
    ],
)
def test_data_of_another_customer_is_not_found(
    shop: Shop,
    unchanged: ExistingCustomer,
    other_customer: Client,
    caller: str,
    method: str,
    path: str,
    body: Any,
    guests: bool,
) -> None:
    ids = {"order": unchanged.order_id, "payment": unchanged.payment_id, "address": unchanged.address_id}
    body = body and {name: unchanged.user_id if value == "{user}" else value for name, value in body.items()}
    client = other_customer if caller == "another customer" else shop.guest()

    reply = client(method, path.format(**ids), body, key=new_key())

    expected = (404, "NOT_FOUND") if guests or client is other_customer else (401, "UNAUTHENTICATED")
    assert (reply.status, reply.code) == expected


def test_guest_cannot_use_a_customers_cart(shop: Shop, unchanged: ExistingCustomer) -> None:
    guest = shop.guest()
    guest.cart = unchanged.user_id

    view = guest("GET", "/cart")
    ordered = guest.order()
    changed = guest("PATCH", f"/cart/items/{unchanged.sku}", {"quantity": 9})
    removed = guest("DELETE", f"/cart/items/{unchanged.sku}")
    cleared = guest("DELETE", "/cart")

    assert (view.data["id"], view.data["items"]) == (None, [])
    assert [(reply.status, reply.code) for reply in (ordered, changed, removed)] == [(404, "NOT_FOUND")] * 3
    assert cleared.data["items"] == []


def test_guest_naming_customer_cart_gets_own_cart(shop: Shop, unchanged: ExistingCustomer) -> None:
    guest = shop.guest()
    guest.cart = unchanged.user_id

    added = guest("POST", "/cart/items", {"sku": unchanged.sku, "quantity": 1})

    assert added.status == 201
    assert added.data["id"] != unchanged.user_id
    assert added.data["item_count"] == 1


def test_registering_with_a_customers_cart_id_merges_nothing(shop: Shop, unchanged: ExistingCustomer) -> None:
    guest = shop.guest()
    guest.cart = unchanged.user_id
    person = {"email": f"{new_key()[:12]}@example.com", "password": "correct horse battery"}
    guest.token = guest("POST", "/auth/register", person | {"first_name": "A", "last_name": "B"}).data["access_token"]

    assert guest("GET", "/cart").data["items"] == []


@pytest.fixture(scope="module")
def vendor_product(shop: Shop, vendor: Client) -> dict[str, str]:
    """A product that belongs to the vendor, with its SKU."""
    sku = f"V-{new_key()[:10].upper()}"
    body = {"title": sku, "status": "active", "variants": [{"sku": sku, "price": {"amount": 100, "currency": "USD"}}]}
    created = vendor("POST", "/products", body, key=new_key())
    assert created.status == 201
    return {"id": created.data["id"], "sku": sku}


def test_vendor_manages_their_own_product_and_stock(shop: Shop, vendor: Client, vendor_product: dict[str, str]) -> None:
    adjusted = vendor(
        "POST", f"/inventory/{vendor_product['sku']}/adjust", {"delta": 3, "reason": "first"}, key=new_key()
    )
    level = vendor("GET", f"/inventory/{vendor_product['sku']}")
    changed = vendor("PATCH", f"/products/{vendor_product['id']}", {"brand": "Own"})
    listed = vendor("GET", "/products?status=active")
    low = vendor("GET", "/inventory/low-stock")

    assert adjusted.data["on_hand"] == level.data["available"] == 3
    assert changed.data["brand"] == "Own"
    assert [item["id"] for item in listed.data] == [vendor_product["id"]]
    assert low.data == [{"sku": vendor_product["sku"], "available": 3, "low_stock_threshold": 5}]
    assert low.body["pagination"]["total"] == 1
    total_of_all = shop.admin("GET", "/inventory/low-stock").body["pagination"]["total"]
    assert total_of_all > shop.member("VENDOR")("GET", "/inventory/low-stock").body["pagination"]["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/products/{id}", {"title": "Taken", "status": "active", "variants": [{"sku": "X", "price": PRICE}]}),
        ("PATCH", "/products/{id}", {"title": "Taken"}),
        ("DELETE", "/products/{id}", None),
        ("GET", "/inventory/{sku}", None),
        ("POST", "/inventory/{sku}/adjust", {"delta": -1, "reason": "mine"}),
        ("PATCH", "/orders/{order}/status", STATUS),
        ("POST", "/shipments", {"order_id": "{order}"}),
    ],
)  # fmt: skip
def test_data_of_another_vendor_is_not_found(
    unchanged: ExistingCustomer, vendor: Client, method: str, path: str, body: Any
) -> None:
    ids = {"id": unchanged.product_id, "sku": unchanged.sku, "order": unchanged.order_id}
    body = body and {name: unchanged.order_id if value == "{order}" else value for name, value in body.items()}

    reply = vendor(method, path.format(**ids), body, key=new_key())

    assert (reply.status, reply.code) == (404, "NOT_FOUND")


def test_vendor_cannot_create_a_product_for_another_vendor(vendor: Client, existing_customer: ExistingCustomer) -> None:
    body = {"title": "x", "status": "active", "variants": [{"sku": "VX-1", "price": {"amount": 1, "currency": "USD"}}]}

    reply = vendor("POST", "/products", body | {"vendor_id": existing_customer.user_id})

    assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert reply.error["details"][0]["field"] == "vendor_id"


def test_shipment_is_visible_to_the_owner_of_the_order(shop: Shop, other_customer: Client) -> None:
    owner = shop.customer()
    owner.add(shop.product())
    order_id = owner.order().data["id"]
    shop.admin("PATCH", f"/orders/{order_id}/status", {"status": "processing"})
    created = shop.admin("POST", "/shipments", {"order_id": order_id}, key=new_key())

    assert created.status == 201, created
    path = f"/shipments/{created.data['id']}"
    assert owner("GET", path).data["order_id"] == shop.admin("GET", path).data["order_id"] == order_id
    assert other_customer("GET", path).status == 404
