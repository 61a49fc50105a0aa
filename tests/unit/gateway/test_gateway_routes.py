"""Each route calls one service method with the right arguments and returns the right status."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import SESSION, SIGNED_IN, USER, FakeServices, Issuer
from services.chassis.common.errors import PaymentDeclined, ServiceUnavailable

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
MUG = {"id": ID, "slug": "a-mug", "version": 7, "variants": []}
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
    ("method", "path", "role", "body", "called", "arguments"),
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
def test_simple_route_calls_one_method(
    client: FlaskClient,
    services: FakeServices,
    issuer: Issuer,
    method: str,
    path: str,
    role: str | None,
    body: Any,
    called: str,
    arguments: dict[str, Any],
) -> None:
    services.answer(called, {"the": "answer"})
    headers = (issuer.bearer(role) if role else {}) | (KEY if method == "POST" else {})

    response = client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.get_json()["success"] is True
    assert services.arguments(called).items() >= arguments.items()


@pytest.mark.parametrize(
    ("path", "role", "body", "called"),
    [
        ("/users/me/addresses", "CUSTOMER", ADDRESS, "users.add_address"),
        ("/categories", "ADMIN", {"name": "Mugs"}, "products.create_category"),
        ("/shipments", "ADMIN", {"order_id": ID}, "orders.create_shipment"),
        (f"/shipments/{ID}/events", "ADMIN", {"status": "delivered"}, "shipping.add_event"),
        (f"/payments/{ID}/refunds", "ADMIN", {"amount": {"amount": 5, "currency": "USD"}}, "payments.refund"),
    ],
)
def test_created_resource_is_a_201(
    client: FlaskClient, services: FakeServices, issuer: Issuer, path: str, role: str, body: Any, called: str
) -> None:
    services.answer(called, {"id": ID})

    response = client.post(f"/api/v1{path}", json=body, headers=issuer.bearer(role) | KEY)

    assert response.status_code == 201
    assert response.get_json()["data"] == {"id": ID}


def test_list_has_pagination(client: FlaskClient, services: FakeServices) -> None:
    services.answer(
        "products.list_products", {"items": [{"id": ID}], "page": 2, "limit": 20, "total": 41, "next_cursor": "abc"}
    )

    body = client.get("/api/v1/products?page=2&category=mugs&attr.colour=red&in_stock=true").get_json()

    assert body["data"] == [{"id": ID}]
    assert body["pagination"] == {"page": 2, "limit": 20, "total": 41, "totalPages": 3, "nextCursor": "abc"}
    arguments = services.arguments("products.list_products")
    assert arguments == {"page": 2, "category": "mugs", "attributes": {"colour": "red"}, "in_stock": True}


@pytest.mark.parametrize(
    ("role", "query", "called"),
    [
        ("VENDOR", "status=draft", "products.list_managed_products"),
        ("ADMIN", "status=archived", "products.list_managed_products"),
        ("ADMIN", "", "products.list_products"),
        ("CUSTOMER", "status=draft", "products.list_products"),
    ],
)
def test_staff_list_products_of_every_status(
    client: FlaskClient, services: FakeServices, issuer: Issuer, role: str, query: str, called: str
) -> None:
    services.answer(called, {"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": None})

    assert client.get(f"/api/v1/products?{query}", headers=issuer.bearer(role)).status_code == 200


def test_payment_route_requires_an_idempotency_key(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    for path, body, headers in (
        ("/orders", ORDER, GUEST),
        (f"/payments/{ID}/capture", {}, issuer.bearer("ADMIN")),
        (f"/payments/{ID}/refunds", {}, issuer.bearer("ADMIN")),
        (f"/orders/{ID}/cancel", {}, issuer.bearer("CUSTOMER")),
    ):
        for sent in (body, {"quantity": "wrong"}):
            response = client.post(f"/api/v1{path}", json=sent, headers=headers)
            assert response.status_code == 400
            assert response.get_json()["error"]["code"] == "IDEMPOTENCY_KEY_REQUIRED"
    assert [name for name, _ in services.calls if name != "auth.jwks"] == []


@pytest.mark.parametrize(
    ("status", "expected"), [("confirmed", 201), ("pending", 202), ("awaiting_payment", 202), ("processing", 201)]
)
def test_unfinished_order_is_a_202(client: FlaskClient, services: FakeServices, status: str, expected: int) -> None:
    services.answer("orders.place_order", {"id": ID, "status": status})

    response = client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY)

    assert response.status_code == expected
    arguments = services.arguments("orders.place_order")
    assert arguments["cart_id"] == CART
    assert arguments["email"] == "ada@example.com"
    assert arguments["idempotency"]["key"] == "key-1"
    assert arguments["idempotency"]["owner"] == f"cart:{CART}"


def test_declined_card_is_a_402(client: FlaskClient, services: FakeServices) -> None:
    details = [{"decline_code": "insufficient_funds", "order_id": ID}]
    services.answer("orders.place_order", PaymentDeclined(None, details))

    response = client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY)

    assert response.status_code == 402
    assert response.get_json()["error"]["details"] == details


def test_customer_orders_their_own_cart(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("orders.place_order", {"id": ID, "status": "confirmed"})

    client.post("/api/v1/orders", json=ORDER, headers=GUEST | KEY | issuer.bearer())

    arguments = services.arguments("orders.place_order")
    assert arguments["cart_id"] is None
    assert arguments["caller"]["user_id"] == USER
    assert arguments["idempotency"]["owner"] == f"user:{USER}"


def test_guest_reads_an_order_with_its_key(client: FlaskClient, services: FakeServices) -> None:
    services.answer("orders.get_order", {"id": ID})

    client.get(f"/api/v1/orders/{ID}", headers=ORDER_KEY)

    caller = {"order_key": "key-of-the-order-1"}
    assert services.arguments("orders.get_order") == {"order_id": ID, "caller": caller}


@pytest.mark.parametrize("path", ["login", "register"])
def test_guest_cart_is_merged_at_sign_in(client: FlaskClient, services: FakeServices, path: str) -> None:
    services.answer(f"auth.{path}", SIGNED_IN)
    services.answer("cart.merge", {"id": USER})
    body = {"email": "a@b.co", "password": "long enough"}
    body |= {"first_name": "A", "last_name": "B"} if path == "register" else {}

    response = client.post(f"/api/v1/auth/{path}", json=body, headers=GUEST)

    assert response.status_code == (201 if path == "register" else 200)
    caller = services.arguments("cart.merge")["caller"]
    assert (services.arguments("cart.merge")["cart_id"], caller["user_id"]) == (CART, USER)


def test_sign_in_works_without_the_cart_service(client: FlaskClient, services: FakeServices) -> None:
    services.answer("auth.login", SIGNED_IN)
    services.answer("cart.merge", ServiceUnavailable())

    response = client.post("/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}, headers=GUEST)

    assert response.status_code == 200


def test_new_guest_cart_id_is_in_the_header(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("cart.add_item", {"id": CART, "items": []})

    guest = client.post("/api/v1/cart/items", json={"sku": "MUG", "quantity": 2})
    customer = client.post("/api/v1/cart/items", json={"sku": "MUG"}, headers=issuer.bearer() | GUEST)

    assert (guest.status_code, guest.headers["X-Cart-Id"]) == (201, CART)
    assert "X-Cart-Id" not in customer.headers
    arguments = services.arguments("cart.add_item")
    assert (arguments["sku"], arguments["cart_id"], arguments["caller"]["user_id"]) == ("MUG", None, USER)


@pytest.mark.parametrize(
    ("method", "path", "body", "called"),
    [
        ("GET", "", None, "cart.get_cart"),
        ("PATCH", "/items/A/B", {"quantity": 3}, "cart.set_quantity"),
        ("DELETE", "/items/A/B", None, "cart.remove_item"),
        ("DELETE", "", None, "cart.clear"),
    ],
)
def test_guest_cart_is_identified_by_the_header(
    client: FlaskClient, services: FakeServices, method: str, path: str, body: Any, called: str
) -> None:
    services.answer(called, {"id": CART})

    response = client.open(f"/api/v1/cart{path}", method=method, json=body, headers=GUEST)

    assert response.headers["X-Cart-Id"] == CART
    arguments = services.arguments(called)
    assert (arguments["cart_id"], arguments["caller"].get("user_id")) == (CART, None)


def test_rates_are_quoted_for_the_given_cart(client: FlaskClient, services: FakeServices) -> None:
    services.answer("shipping.quote_cart", [{"method": "standard"}])

    response = client.post("/api/v1/shipping/rates", json={"address": {"country": "US"}, "cart_id": CART})

    assert response.get_json()["data"] == [{"method": "standard"}]
    assert services.arguments("shipping.quote_cart")["cart_id"] == CART


def test_unchanged_product_is_not_sent_again(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", MUG | {"available": 3})
    tag = client.get("/api/v1/products/a-mug").headers["ETag"]

    again = client.get("/api/v1/products/a-mug", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", tag)

    services.answer("products.get_product", MUG | {"available": 2})
    assert client.get("/api/v1/products/a-mug", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(("if_match", "version"), [(None, None), ("*", None), ('"7-0a1b"', 7), ('"7"', 7), ("7", 7)])
def test_if_match_is_the_expected_version(
    client: FlaskClient, services: FakeServices, issuer: Issuer, if_match: str | None, version: int | None
) -> None:
    services.answer("products.patch_product", {"id": ID, "version": 8})
    headers = issuer.bearer("VENDOR") | ({"If-Match": if_match} if if_match else {})

    response = client.patch(f"/api/v1/products/{ID}", json={"title": "Mug"}, headers=headers)

    assert response.headers["ETag"].startswith('"8-')
    arguments = services.arguments("products.patch_product")
    assert arguments["expected_version"] == version
    assert arguments["patch"] == {"title": "Mug"}


@pytest.mark.parametrize("if_match", ['W/"x"', '"x"', '"7", "8"', "-1"])
def test_malformed_if_match_is_a_failed_precondition(client: FlaskClient, issuer: Issuer, if_match: str) -> None:
    headers = issuer.bearer("VENDOR") | {"If-Match": if_match}

    assert client.delete(f"/api/v1/products/{ID}", headers=headers).status_code == 412


@pytest.mark.parametrize(("method", "path"), [("POST", "/products"), ("PUT", f"/products/{ID}")])
def test_product_is_created_and_replaced(
    client: FlaskClient, services: FakeServices, issuer: Issuer, method: str, path: str
) -> None:
    called = "products.create_product" if method == "POST" else "products.update_product"
    services.answer(called, {"id": ID, "version": 1})

    response = client.open(f"/api/v1{path}", method=method, json=PRODUCT, headers=issuer.bearer("VENDOR"))

    assert response.status_code == (201 if method == "POST" else 200)
    assert services.arguments(called)["product"] == PRODUCT


def test_webhook_body_and_headers_are_passed_on(client: FlaskClient, services: FakeServices) -> None:
    services.answer("payments.webhook", {"received": True})

    response = client.post("/api/v1/webhooks/stripe", data=b'{"a":  1}', headers={"Stripe-Signature": "t=1,v1=x"})

    assert response.status_code == 200
    assert services.arguments("payments.webhook") == {
        "provider": "stripe",
        "body": "eyJhIjogIDF9",
        "headers": {"stripe-signature": "t=1,v1=x"},
    }


def test_health_names_missing_dependencies(client: FlaskClient) -> None:
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
