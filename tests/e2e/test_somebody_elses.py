"""What belongs to somebody else is not there: 404, whoever asks, and it stays as it was."""

from typing import Any

import pytest

from tests.support.existing_customer import ExistingCustomer
from tests.support.shop import ADDRESS, Client, Shop, new_key

STATUS = {"status": "processing"}
PRICE = {"amount": 1, "currency": "USD"}


@pytest.fixture(scope="module")
def stranger(shop: Shop) -> Client:
    return shop.customer()


@pytest.mark.parametrize("who", ["another customer", "a guest"])
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
def test_a_customers_things_are_nowhere_for_others(
    shop: Shop, unchanged: ExistingCustomer, stranger: Client, who: str, method: str, path: str, body: Any, guests: bool
) -> None:
    things = {"order": unchanged.order_id, "payment": unchanged.payment_id, "address": unchanged.address_id}
    body = body and {name: unchanged.user_id if value == "{user}" else value for name, value in body.items()}
    client = stranger if who == "another customer" else shop.guest()

    reply = client(method, path.format(**things), body, key=new_key())

    expected = (404, "NOT_FOUND") if guests or client is stranger else (401, "UNAUTHENTICATED")
    assert (reply.status, reply.code) == expected


def test_a_customers_cart_is_not_a_guests_to_name(shop: Shop, unchanged: ExistingCustomer) -> None:
    guest = shop.guest()
    guest.cart = unchanged.user_id

    seen = guest("GET", "/cart")
    bought = guest.order()
    changed = guest("PATCH", f"/cart/items/{unchanged.sku}", {"quantity": 9})
    removed = guest("DELETE", f"/cart/items/{unchanged.sku}")
    cleared = guest("DELETE", "/cart")

    assert (seen.data["id"], seen.data["items"]) == (None, [])
    assert [(reply.status, reply.code) for reply in (bought, changed, removed)] == [(404, "NOT_FOUND")] * 3
    assert cleared.data["items"] == []


def test_guest_naming_customer_cart_gets_own_cart(shop: Shop, unchanged: ExistingCustomer) -> None:
    guest = shop.guest()
    guest.cart = unchanged.user_id

    added = guest("POST", "/cart/items", {"sku": unchanged.sku, "quantity": 1})

    assert added.status == 201
    assert added.data["id"] != unchanged.user_id
    assert added.data["item_count"] == 1


def test_signing_in_with_a_customers_cart_takes_nothing_along(shop: Shop, unchanged: ExistingCustomer) -> None:
    thief = shop.guest()
    thief.cart = unchanged.user_id
    person = {"email": f"{new_key()[:12]}@example.com", "password": "correct horse battery"}
    thief.token = thief("POST", "/auth/register", person | {"first_name": "A", "last_name": "B"}).data["access_token"]

    assert thief("GET", "/cart").data["items"] == []


@pytest.fixture(scope="module")
def wares(shop: Shop, vendor: Client) -> dict[str, str]:
    """A product of a vendor's own."""
    sku = f"V-{new_key()[:10].upper()}"
    body = {"title": sku, "status": "active", "variants": [{"sku": sku, "price": {"amount": 100, "currency": "USD"}}]}
    made = vendor("POST", "/products", body, key=new_key())
    assert made.status == 201
    return {"id": made.data["id"], "sku": sku}


def test_a_vendor_keeps_their_own_product_and_its_stock(shop: Shop, vendor: Client, wares: dict[str, str]) -> None:
    counted = vendor("POST", f"/inventory/{wares['sku']}/adjust", {"delta": 3, "reason": "first"}, key=new_key())
    looked = vendor("GET", f"/inventory/{wares['sku']}")
    changed = vendor("PATCH", f"/products/{wares['id']}", {"brand": "Own"})
    listed = vendor("GET", "/products?status=active")
    low = vendor("GET", "/inventory/low-stock")

    assert counted.data["on_hand"] == looked.data["available"] == 3
    assert changed.data["brand"] == "Own"
    assert [item["id"] for item in listed.data] == [wares["id"]]
    assert low.data == [{"sku": wares["sku"], "available": 3, "low_stock_threshold": 5}]
    assert low.body["pagination"]["total"] == 1
    everybodys = shop.admin("GET", "/inventory/low-stock").body["pagination"]["total"]
    assert everybodys > shop.member("VENDOR")("GET", "/inventory/low-stock").body["pagination"]["total"] == 0


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
def test_another_vendors_things_are_nowhere(
    unchanged: ExistingCustomer, vendor: Client, method: str, path: str, body: Any
) -> None:
    things = {"id": unchanged.product_id, "sku": unchanged.sku, "order": unchanged.order_id}
    body = body and {name: unchanged.order_id if value == "{order}" else value for name, value in body.items()}

    reply = vendor(method, path.format(**things), body, key=new_key())

    assert (reply.status, reply.code) == (404, "NOT_FOUND")


def test_a_vendor_cannot_sell_in_anothers_name(vendor: Client, existing_customer: ExistingCustomer) -> None:
    body = {"title": "x", "status": "active", "variants": [{"sku": "VX-1", "price": {"amount": 1, "currency": "USD"}}]}

    reply = vendor("POST", "/products", body | {"vendor_id": existing_customer.user_id})

    assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert reply.error["details"][0]["field"] == "vendor_id"


def test_shipments_are_seen_by_whose_order_it_is(shop: Shop, stranger: Client) -> None:
    owner = shop.customer()
    owner.add(shop.product())
    order_id = owner.order().data["id"]
    shop.admin("PATCH", f"/orders/{order_id}/status", {"status": "processing"})
    sent = shop.admin("POST", "/shipments", {"order_id": order_id}, key=new_key())

    assert sent.status == 201, sent
    path = f"/shipments/{sent.data['id']}"
    assert owner("GET", path).data["order_id"] == shop.admin("GET", path).data["order_id"] == order_id
    assert stranger("GET", path).status == 404
