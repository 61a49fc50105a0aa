"""Each route asks the right service for the right thing and says the right status."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import SESSION, SIGNED_IN, USER, FakeServices, Issuer
from services.chassis.common.errors import PaymentDeclined, ServiceUnavailable

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
CART = "c" * 27
GUEST = {"X-Cart-Id": CART}
ORDER_KEY = {"X-Order-Key": "key-of-the-order-1"}
ADDRESS = {"name": "Ada", "line1": "1 Street", "city": "New York", "postal_code": "10001", "country": "US"}
ORDER = {
    "email": "Ada@Example.com",
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "payment_method": {"provider": "sandbox", "token": "pm_card_visa"},
}
PRODUCT = {"title": "Mug", "status": "active", "variants": [{"sku": "MUG", "price": {"amount": 1, "currency": "USD"}}]}
KEY = {"Idempotency-Key": "key-1"}


@pytest.mark.parametrize(
    ("method", "path", "role", "body", "asked", "arguments"),
    [
        ("POST", "/auth/refresh", None, {"refresh_token": "r"}, "auth.refresh", {"refresh_token": "r"}),
        ("POST", "/auth/logout", "CUSTOMER", None, "auth.logout", {"session_id": SESSION}),
        ("POST", "/auth/logout", "CUSTOMER", {"refresh_token": "r"}, "auth.logout", {"refresh_token": "r"}),
        ("POST", "/auth/logout-all", "CUSTOMER", None, "auth.logout_all", {}),
        ("GET", "/users/me", "CUSTOMER", None, "users.get_profile", {}),
        ("GET", "/users/me/addresses", "CUSTOMER", None, "users.list_addresses", {}),
        ("GET", f"/users/me/addresses/{ID}", "CUSTOMER", None, "users.get_address", {"address_id": ID}),
        ("PUT", f"/users/me/addresses/{ID}", "CUSTOMER", ADDRESS, "users.update_address", {"address_id": ID}),
        ("DELETE", f"/users/me/addresses/{ID}", "CUSTOMER", None, "users.delete_address", {"address_id": ID}),
        ("GET", "/categories", None, None, "products.category_tree", {}),
        ("GET", "/categories/mugs", None, None, "products.get_category", {"slug": "mugs"}),
        ("PUT", "/categories/mugs", "ADMIN", {"name": "Mugs"}, "products.update_category", {"slug": "mugs"}),
        ("DELETE", "/categories/mugs", "ADMIN", None, "products.delete_category", {"slug": "mugs"}),
        ("GET", "/inventory/A/B", "ADMIN", None, "inventory.get_level", {"sku": "A/B"}),
        ("POST", "/inventory/A/B/adjust", "ADMIN", {"delta": -2, "reason": "x"}, "inventory.adjust", {"sku": "A/B"}),
        ("GET", "/inventory/warehouses", "ADMIN", None, "inventory.list_warehouses", {}),
        ("PUT", "/inventory/warehouses/main", "ADMIN", {"name": "M"}, "inventory.put_warehouse", {"code": "main"}),
        ("DELETE", "/inventory/warehouses/main", "ADMIN", None, "inventory.delete_warehouse", {"code": "main"}),
        ("GET", "/tax-rates?country=DE", "ADMIN", None, "products.tax_rates", {"country": "DE"}),
        ("DELETE", "/tax-rates/DE:*:standard", "ADMIN", None, "products.delete_tax_rate", {"rate_id": "DE:*:standard"}),
        ("GET", "/shipping/methods", None, None, "shipping.methods", {}),
        ("GET", f"/shipments/{ID}", "CUSTOMER", None, "shipping.get_shipment", {"shipment_id": ID}),
        ("GET", "/tracking/UP0000042", None, None, "shipping.track", {"number": "UP0000042"}),
        ("GET", f"/payments/{ID}", "CUSTOMER", None, "payments.get", {"payment_id": ID}),
        ("PATCH", f"/orders/{ID}/status", "VENDOR", {"status": "shipped"}, "orders.set_status", {"status": "shipped"}),
        ("GET", f"/orders/{ID}/events", "CUSTOMER", None, "orders.history", {"order_id": ID}),
        ("POST", f"/orders/{ID}/cancel", "CUSTOMER", None, "orders.cancel", {"order_id": ID}),
    ],
)  # fmt: skip
def test_a_plain_route_is_one_question(
    client: FlaskClient,
    services: FakeServices,
    issuer: Issuer,
    method: str,
    path: str,
    role: str | None,
    body: Any,
    asked: str,
    arguments: dict[str, Any],
) -> None:
    services.answer(asked, {"the": "answer"})

    response = client.open(f"/api/v1{path}", method=method, json=body, headers=issuer.bearer(role) if role else {})

    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.get_json()["success"] is True
    assert services.arguments(asked).items() >= arguments.items()


@pytest.mark.parametrize(
    ("path", "role", "body", "asked"),
    [
        ("/users/me/addresses", "CUSTOMER", ADDRESS, "users.add_address"),
        ("/categories", "ADMIN", {"name": "Mugs"}, "products.create_category"),
        ("/shipments", "ADMIN", {"order_id": ID}, "orders.create_shipment"),
        (f"/shipments/{ID}/events", "ADMIN", {"status": "delivered"}, "shipping.add_event"),
        (f"/payments/{ID}/refunds", "ADMIN", {"amount": {"amount": 5, "currency": "USD"}}, "payments.refund"),
    ],
)
def test_what_is_made_is_a_201(
    client: FlaskClient, services: FakeServices, issuer: Issuer, path: str, role: str, body: Any, asked: str
) -> None:
    services.answer(asked, {"id": ID})

    response = client.post(f"/api/v1{path}", json=body, headers=issuer.bearer(role) | KEY)

    assert response.status_code == 201
    assert response.get_json()["data"] == {"id": ID}


def test_lists_come_with_their_place_in_the_whole(client: FlaskClient, services: FakeServices) -> None:
    services.answer(
        "products.list_products", {"items": [{"id": ID}], "page": 2, "limit": 20, "total": 41, "next_cursor": "abc"}
    )

    body = client.get("/api/v1/products?page=2&category=mugs&attr.colour=red&in_stock=true").get_json()

    assert body["data"] == [{"id": ID}]
    assert body["pagination"] == {"page": 2, "limit": 20, "total": 41, "totalPages": 3, "nextCursor": "abc"}
    asked = services.arguments("products.list_products")
    assert asked == {"page": 2, "category": "mugs", "attributes": {"colour": "red"}, "in_stock": True}


@pytest.mark.parametrize(
    ("role", "query", "asked"),
    [
        ("VENDOR", "status=draft", "products.list_managed_products"),
        ("ADMIN", "status=archived", "products.list_managed_products"),
        ("ADMIN", "", "products.list_products"),
        ("CUSTOMER", "status=draft", "products.list_products"),
    ],
)
def test_those_who_manage_products_see_them_in_every_status(
    client: FlaskClient, services: FakeServices, issuer: Issuer, role: str, query: str, asked: str
) -> None:
    services.answer(asked, {"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": None})

    assert client.get(f"/api/v1/products?{query}", headers=issuer.bearer(role)).status_code == 200


def test_money_needs_an_idempotency_key(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    for path, body, headers in (
        ("/orders", ORDER, GUEST),
        (f"/payments/{ID}/capture", {}, issuer.bearer("ADMIN")),
        (f"/payments/{ID}/refunds", {}, issuer.bearer("ADMIN")),
    ):
        for sent in (body, {"quantity": "wrong"}):
            response = client.post(f"/api/v1{path}", json=sent, headers=headers)
            assert response.status_code == 400
            assert response.get_json()["error"]["code"] == "IDEMPOTENCY_KEY_REQUIRED"
    assert [name for name, _ in services.calls if name != "auth.jwks"] == []


@pytest.mark.parametrize(
    ("status", "expected"), [("confirmed", 201), ("pending", 202), ("awaiting_payment", 202), ("processing", 201)]
)
def test_an_order_whose_end_is_not_known_is_a_202(
    client: FlaskClient, services: FakeServices, status: str, expected: int
) -> None:
    services.answer("orders.place_order", {"id": ID, "status": status})

    response = client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY)

    assert response.status_code == expected
    asked = services.arguments("orders.place_order")
    assert asked["cart_id"] == CART
    assert asked["email"] == "ada@example.com"
    assert asked["idempotency"]["key"] == "key-1"
    assert asked["idempotency"]["owner"] == f"cart:{CART}"


def test_a_declined_card_is_a_402(client: FlaskClient, services: FakeServices) -> None:
    details = [{"decline_code": "insufficient_funds", "order_id": ID}]
    services.answer("orders.place_order", PaymentDeclined(None, details))

    response = client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY)

    assert response.status_code == 402
    assert response.get_json()["error"]["details"] == details


def test_a_customer_orders_their_own_cart(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("orders.place_order", {"id": ID, "status": "confirmed"})

    client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY | issuer.bearer())

    asked = services.arguments("orders.place_order")
    assert asked["cart_id"] is None
    assert asked["caller"]["user_id"] == USER
    assert asked["idempotency"]["owner"] == f"user:{USER}"


def test_a_guest_reads_an_order_with_its_key(client: FlaskClient, services: FakeServices) -> None:
    services.answer("orders.get_order", {"id": ID})

    client.get(f"/api/v1/orders/{ID}", headers=ORDER_KEY)

    caller = {"user_id": None, "roles": [], "email": None, "order_key": "key-of-the-order-1"}
    assert services.arguments("orders.get_order") == {"order_id": ID, "caller": caller}


@pytest.mark.parametrize("path", ["login", "register"])
def test_a_guests_cart_goes_along(client: FlaskClient, services: FakeServices, path: str) -> None:
    services.answer(f"auth.{path}", SIGNED_IN)
    services.answer("cart.merge", {"id": USER})
    body = {"email": "a@b.co", "password": "long enough"}
    body |= {"first_name": "A", "last_name": "B"} if path == "register" else {}

    response = client.post(f"/api/v1/auth/{path}", json=body, headers=GUEST)

    assert response.status_code == (201 if path == "register" else 200)
    caller = services.arguments("cart.merge")["caller"]
    assert (services.arguments("cart.merge")["cart_id"], caller["user_id"]) == (CART, USER)


def test_the_cart_being_away_keeps_nobody_from_signing_in(client: FlaskClient, services: FakeServices) -> None:
    services.answer("auth.login", SIGNED_IN)
    services.answer("cart.merge", ServiceUnavailable())

    response = client.post("/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}, headers=GUEST)

    assert response.status_code == 200


def test_a_new_guest_cart_is_told_in_the_header(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("cart.add_item", {"id": CART, "items": []})

    guest = client.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 2})
    customer = client.post("/api/v1/cart/items", json={"sku": "MUG"}, headers=issuer.bearer() | GUEST)

    assert (guest.status_code, guest.headers["X-Cart-Id"]) == (201, CART)
    assert "X-Cart-Id" not in customer.headers
    arguments = services.arguments("cart.add_item")
    assert (arguments["sku"], arguments["cart_id"], arguments["caller"]["user_id"]) == ("MUG", None, USER)


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("GET", "", None, "cart.get_cart"),
        ("PATCH", "/items/A/B", {"quantity": 3}, "cart.set_quantity"),
        ("DELETE", "/items/A/B", None, "cart.remove_item"),
        ("DELETE", "", None, "cart.clear"),
    ],
)
def test_a_guests_cart_is_the_one_of_the_header(
    client: FlaskClient, services: FakeServices, method: str, path: str, body: Any, asked: str
) -> None:
    services.answer(asked, {"id": CART})

    response = client.open(f"/api/v1/cart{path}", method=method, json=body, headers=GUEST)

    assert response.headers["X-Cart-Id"] == CART
    arguments = services.arguments(asked)
    assert (arguments["cart_id"], arguments["caller"]["user_id"]) == (CART, None)


def test_rates_are_quoted_for_the_named_cart(client: FlaskClient, services: FakeServices) -> None:
    services.answer("shipping.quote_cart", [{"method": "standard"}])

    response = client.post("/api/v1/shipping/rates", json={"address": {"country": "US"}, "cart_id": CART})

    assert response.get_json()["data"] == [{"method": "standard"}]
    assert services.arguments("shipping.quote_cart")["cart_id"] == CART


def test_an_import_sets_the_stock_that_its_rows_name(
    client: FlaskClient, services: FakeServices, issuer: Issuer
) -> None:
    stock = [{"sku": "MUG", "on_hand": 5}]
    services.answer("products.import_products", {"created": 1, "stock": stock})
    services.answer("inventory.set_initial", {"created": 1})

    response = client.post("/api/v1/products/import", json={"products": [{}]}, headers=issuer.bearer("ADMIN"))

    assert response.status_code == 200
    assert services.arguments("inventory.set_initial")["levels"] == stock


def test_a_product_that_the_client_has_is_not_sent_again(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", {"id": ID, "version": 7, "available": 3})
    tag = client.get("/api/v1/products/a-mug").headers["ETag"]

    again = client.get("/api/v1/products/a-mug", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", tag)

    services.answer("products.get_product", {"id": ID, "version": 7, "available": 2})
    assert client.get("/api/v1/products/a-mug", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(("sent", "version"), [(None, None), ("*", None), ('"7-0a1b"', 7), ('"7"', 7), ("7", 7)])
def test_a_change_names_its_version(
    client: FlaskClient, services: FakeServices, issuer: Issuer, sent: str | None, version: int | None
) -> None:
    services.answer("products.patch_product", {"id": ID, "version": 8})
    headers = issuer.bearer("VENDOR") | ({"If-Match": sent} if sent else {})

    response = client.patch(f"/api/v1/products/{ID}", json={"title": "Mug"}, headers=headers)

    assert response.headers["ETag"].startswith('"8-')
    asked = services.arguments("products.patch_product")
    assert asked["expected_version"] == version
    assert asked["patch"] == {"title": "Mug"}


@pytest.mark.parametrize("sent", ['W/"7"', '"x"', '"7", "8"', "-1"])
def test_a_version_that_cannot_be_ours_has_changed(client: FlaskClient, issuer: Issuer, sent: str) -> None:
    headers = issuer.bearer("VENDOR") | {"If-Match": sent}

    assert client.delete(f"/api/v1/products/{ID}", headers=headers).status_code == 412


@pytest.mark.parametrize(("method", "path"), [("POST", "/products"), ("PUT", f"/products/{ID}")])
def test_a_whole_product(client: FlaskClient, services: FakeServices, issuer: Issuer, method: str, path: str) -> None:
    asked = "products.create_product" if method == "POST" else "products.update_product"
    services.answer(asked, {"id": ID, "version": 1})

    response = client.open(f"/api/v1{path}", method=method, json=PRODUCT, headers=issuer.bearer("VENDOR"))

    assert response.status_code == (201 if method == "POST" else 200)
    assert services.arguments(asked)["product"] == PRODUCT


def test_a_webhook_goes_on_as_it_came(client: FlaskClient, services: FakeServices) -> None:
    services.answer("payments.webhook", {"received": True})

    response = client.post("/api/v1/webhooks/stripe", data=b'{"a":  1}', headers={"Stripe-Signature": "t=1,v1=x"})

    assert response.status_code == 200
    assert services.arguments("payments.webhook") == {
        "provider": "stripe",
        "body": "eyJhIjogIDF9",
        "headers": {"stripe-signature": "t=1,v1=x"},
    }


def test_health_names_what_is_missing(client: FlaskClient) -> None:
    assert client.get("/health/live").get_json() == {"status": "live", "service": "gateway"}

    response = client.get("/health/ready")

    assert response.status_code == 503
    dependencies = response.get_json()["dependencies"]
    assert dependencies["redis"].startswith("down")
    assert dependencies["rabbitmq"].startswith("down")
    assert dependencies["orders"] == "unknown"


def test_metrics_and_keys(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    client.get("/health/live")

    assert (
        b'ultramarket_http_seconds_count{method="GET",route="/health/live",status="200"}' in client.get("/metrics").data
    )
    assert client.get("/api/v1/.well-known/jwks.json").get_json() == issuer.jwks()
