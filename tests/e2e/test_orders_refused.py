"""Orders refused before they are placed: a clear error, nothing ordered or charged."""

from typing import Any

import pytest

from tests.support import database
from tests.support.existing_customer import ExistingCustomer
from tests.support.shop import ADDRESS, Client, Shop, new_key

PROVIDER = "payment_method.provider"
PAYMENT_ROUTES = ["/orders", "/payments/{id}/refunds", "/payments/{id}/capture"]


@pytest.fixture
def buyer(shop: Shop) -> Client:
    """A guest with one item in the cart."""
    guest = shop.guest()
    guest.add(shop.product(stock=5))
    return guest


def sku_in_cart(buyer: Client) -> str:
    return str(buyer("GET", "/cart").data["items"][0]["sku"])


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"shipping_method": "teleport"}, 422, "VALIDATION_ERROR", "shipping_method"),
        ({"shipping_method": "Not A Method"}, 422, "VALIDATION_ERROR", "shipping_method"),
        ({"payment_method": {"provider": "piggybank", "token": "x"}}, 422, "VALIDATION_ERROR", PROVIDER),
        ({"payment_method": {"provider": "sandbox"}}, 422, "VALIDATION_ERROR", "payment_method.token"),
        ({"payment_method": {"provider": "sandbox", "token": ""}}, 422, "VALIDATION_ERROR", "payment_method.token"),
        ({"payment_method": None}, 422, "VALIDATION_ERROR", "payment_method"),
        ({"shipping_address": ADDRESS | {"country": "USA"}}, 422, "VALIDATION_ERROR", "shipping_address.country"),
        ({"shipping_address": ADDRESS | {"country": "us"}}, 422, "VALIDATION_ERROR", "shipping_address.country"),
        ({"shipping_address": ADDRESS | {"name": ""}}, 422, "VALIDATION_ERROR", "shipping_address.name"),
        ({"shipping_address": ADDRESS | {"name": "x" * 10_000}}, 422, "VALIDATION_ERROR", "shipping_address.name"),
        ({"shipping_address": "at home"}, 422, "VALIDATION_ERROR", "shipping_address"),
        ({"billing_address": {"country": "US"}}, 422, "VALIDATION_ERROR", "billing_address.name"),
        ({"email": "nobody"}, 422, "VALIDATION_ERROR", "email"),
        ({"email": None}, 422, "VALIDATION_ERROR", "email"),
        ({"note": "x" * 501}, 422, "VALIDATION_ERROR", "note"),
        ({"note": "a \x00 note"}, 422, "VALIDATION_ERROR", "note"),
        ({"total": {"amount": 1, "currency": "USD"}}, 422, "VALIDATION_ERROR", "total"),
        ({"expected_total": {"amount": 1.5, "currency": "USD"}}, 422, "VALIDATION_ERROR", "expected_total.amount"),
        ({"expected_total": {"amount": 10**30, "currency": "USD"}}, 422, "VALIDATION_ERROR", "expected_total.amount"),
        ({"expected_total": {"amount": 2499, "currency": "EUR"}}, 409, "PRICE_CHANGED", None),
        ({"expected_total": {"amount": 0, "currency": "USD"}}, 409, "PRICE_CHANGED", None),
    ],
)  # fmt: skip
def test_invalid_order_is_refused(
    shop: Shop, buyer: Client, changes: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    sku, cart = sku_in_cart(buyer), buyer("GET", "/cart").data

    refused = buyer.order(**changes)

    assert (refused.status, refused.code) == (status, code)
    assert refused.error["details"][0].get("field") == field
    assert database.orders_with(sku) == []
    assert shop.settled_level(sku) == (5, 0, 5)
    assert buyer("GET", "/cart").data == cart


def test_order_of_an_empty_cart_is_refused(shop: Shop) -> None:
    customer, guest = shop.customer(), shop.guest()
    guest.add(shop.product())
    guest("DELETE", "/cart")

    for buyer in (customer, guest):
        refused = buyer.order()

        assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
        assert refused.error["details"] == [{"field": "cart", "message": "is empty"}]


def test_order_without_a_cart_is_refused(shop: Shop) -> None:
    guest, guest_with_unknown_cart = shop.guest(), shop.guest()
    guest_with_unknown_cart.cart = "no-such-cart-of-ours"

    without_cart, unknown_cart = guest.order(), guest_with_unknown_cart.order()

    assert (without_cart.status, without_cart.error["details"][0]["field"]) == (422, "X-Cart-Id")
    assert (unknown_cart.status, unknown_cart.code) == (404, "NOT_FOUND")


def test_order_outside_all_shipping_zones_is_refused(shop: Shop, buyer: Client) -> None:
    """An address outside every shipping zone is refused; if a zone covers all countries, the order is accepted."""
    address = ADDRESS | {"country": "AQ", "region": None}
    rates = buyer("POST", "/shipping/rates", {"address": {"country": "AQ"}}).data

    refused = buyer.order(shipping_address=address, shipping_method="overnight-of-nobody")

    assert (refused.status, refused.error["details"][0]["field"]) == (422, "shipping_method")
    if rates:
        assert buyer.order(shipping_address=address, shipping_method=rates[0]["method"]).status == 201
    else:
        assert buyer.order(shipping_address=address).error["details"][0]["field"] == "shipping_method"


@pytest.mark.parametrize("path", PAYMENT_ROUTES)
@pytest.mark.parametrize("body", [None, {}, {"quantity": "wrong"}])
def test_payment_route_checks_the_key_before_the_body(
    shop: Shop, unchanged: ExistingCustomer, path: str, body: Any
) -> None:
    client = shop.guest() if path == "/orders" else shop.admin

    refused = client("POST", path.format(id=unchanged.payment_id), body)

    assert (refused.status, refused.code) == (400, "IDEMPOTENCY_KEY_REQUIRED")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/payments/{payment}/refunds", {"amount": {"amount": 0, "currency": "USD"}}, 422, "VALIDATION_ERROR"),
        ("POST", "/payments/{payment}/refunds", {"amount": {"amount": 1, "currency": "EUR"}}, 422, "VALIDATION_ERROR"),
        ("POST", "/payments/{payment}/refunds", {"amount": {"amount": -5, "currency": "USD"}}, 422, "VALIDATION_ERROR"),
        ("PATCH", "/orders/{order}/status", {"status": "delivered"}, 409, "INVALID_STATE"),
        ("PATCH", "/orders/{order}/status", {"status": "confirmed"}, 422, "VALIDATION_ERROR"),
        ("PATCH", "/orders/{order}/status", {"status": "eaten"}, 422, "VALIDATION_ERROR"),
        ("POST", "/orders/{unknown}/cancel", {}, 404, "NOT_FOUND"),
        ("POST", "/payments/{unknown}/refunds", {}, 404, "NOT_FOUND"),
        ("PATCH", "/orders/{unknown}/status", {"status": "processing"}, 404, "NOT_FOUND"),
        ("GET", "/orders?status=eaten", None, 422, "VALIDATION_ERROR"),
    ],
)  # fmt: skip
def test_invalid_administrator_request_is_refused(
    unchanged: ExistingCustomer, method: str, path: str, body: Any, status: int, code: str
) -> None:
    ids = {"payment": unchanged.payment_id, "order": unchanged.order_id}

    refused = unchanged.shop.admin(
        method, path.format(**ids, unknown="0197b1c8-7a5e-7cc0-9f00-0000000000ff"), body, key=new_key()
    )

    assert (refused.status, refused.code) == (status, code)


def test_repeated_capture_changes_nothing(unchanged: ExistingCustomer) -> None:
    again = unchanged.shop.admin("POST", f"/payments/{unchanged.payment_id}/capture", {}, key=new_key())

    assert (again.status, again.data["status"]) == (200, "captured")
