"""Invalid requests are refused with one clear error, and no service is called."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import FakeServices, Issuer

ITEMS = "/api/v1/cart/items"
JSON = "application/json"


def _error(response: Any) -> tuple[int, str, list[str]]:
    body = response.get_json()
    assert body["success"] is False
    assert body["error"]["message"]
    return response.status_code, body["error"]["code"], [detail.get("field") for detail in body["error"]["details"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"sku": "MUG"',
        b'{"sku": "MUG", "quantity": NaN}',
        b'{"sku": "MUG", "quantity": Infinity}',
        b'{"sku": "\xff"}',
        b'{"sku": "\\ud800"}',
        b'{"sku": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"sku": ' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_invalid_json_is_a_bad_request(client: FlaskClient, services: FakeServices, body: bytes) -> None:
    response = client.post(ITEMS, data=body, content_type=JSON)

    assert _error(response) == (400, "BAD_REQUEST", [])
    assert services.calls == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_unsupported(client: FlaskClient, kind: str) -> None:
    response = client.post(ITEMS, data=b'{"sku": "MUG"}', content_type=kind)

    assert _error(response) == (415, "UNSUPPORTED_MEDIA_TYPE", [])


def test_body_without_content_type_is_read_as_json(client: FlaskClient) -> None:
    assert _error(client.post(ITEMS, data=b"a=1")) == (400, "BAD_REQUEST", [])


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Type": "application/json; charset=utf-16"}]
)
def test_unsupported_encoding_is_named(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.post(ITEMS, data=b'{"sku": "MUG"}', headers={"Content-Type": JSON} | headers)

    assert _error(response) == (415, "UNSUPPORTED_MEDIA_TYPE", [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sku": "MUG", "quantity": "3"}, "quantity"),
        ({"sku": "MUG", "quantity": True}, "quantity"),
        ({"sku": "MUG", "quantity": 1.5}, "quantity"),
        ({"sku": "MUG", "quantity": 0}, "quantity"),
        ({"sku": "MUG", "quantity": -1}, "quantity"),
        ({"sku": "MUG", "quantity": 10_001}, "quantity"),
        ({"sku": "MUG", "quantity": 2**64}, "quantity"),
        ({"sku": "MUG", "quantity": 10**30}, "quantity"),
        ({"sku": "MUG", "quantity": 1e308}, "quantity"),
        ({"sku": "MUG", "quantity": None}, "quantity"),
        ({"sku": "MUG", "quantity": [1]}, "quantity"),
        ({"sku": "MUG\x00", "quantity": 1}, "sku"),
        ({"sku": "x" * 10_000}, "sku"),
        ({"sku": ["MUG"]}, "sku"),
        ({"sku": "MUG", "price": 1}, "price"),
        ({"sku": "MUG", "a\x00b": 1}, "a\x00b"),
        ({}, "sku"),
        ([], "body"),
        ("MUG", "body"),
        (None, "body"),
    ],
)
def test_invalid_field_is_named(client: FlaskClient, services: FakeServices, body: Any, field: str) -> None:
    status, code, fields = _error(client.post(ITEMS, data=json.dumps(body), content_type=JSON))

    assert (status, code) == (422, "VALIDATION_ERROR")
    assert field in fields
    assert services.calls == []


def test_invalid_field_is_named_by_its_path(client: FlaskClient) -> None:
    response = client.post(
        "/api/v1/orders",
        json={
            "shipping_address": {"name": "A", "line1": "1", "city": "C", "postal_code": "1", "country": "Nowhere"},
            "shipping_method": "standard",
            "payment_method": {"provider": "sandbox", "token": "pm_card_visa", "cvc": "123"},
        },
        headers={"Idempotency-Key": "k"},
    )

    assert _error(response) == (422, "VALIDATION_ERROR", ["shipping_address.country", "payment_method.cvc"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=99999999999999999999", "page"),
        ("page=1&page=2", "page"),
        ("page=one", "page"),
        ("page=1e3", "page"),
        ("page=%00", "page"),
        ("limit=101", "limit"),
        ("colour=red", "colour"),
        ("sort=cheapest", "sort"),
        ("category=%00", "category"),
        ("category=Not%20a%20slug", "category"),
        ("brand=" + "x" * 10_000, "brand"),
        ("attr.%00=red", "attr."),
        ("%00=1", ""),
        ("min_price=-1", "min_price"),
        ("max_price=1.5", "max_price"),
        ("min_price=9&max_price=3", "max_price"),
        ("in_stock=perhaps", "in_stock"),
        ("rating=6", "rating"),
        ("rating=nan", "rating"),
        ("vendor=7", "vendor"),
    ],
)
def test_invalid_parameter_is_named(client: FlaskClient, services: FakeServices, query: str, field: str) -> None:
    status, code, fields = _error(client.get(f"/api/v1/products?{query}"))

    assert (status, code) == (422, "VALIDATION_ERROR")
    assert field in fields
    assert services.calls == []


def test_route_without_parameters_refuses_any(client: FlaskClient) -> None:
    assert _error(client.get("/api/v1/cart?id=1")) == (422, "VALIDATION_ERROR", ["id"])


def test_invalid_utf8_in_a_query_is_accepted(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.list_products", {"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": None})

    assert client.get("/api/v1/products?brand=%ff%fe").status_code == 200


def test_body_over_the_limit_is_too_large(client: FlaskClient) -> None:
    body = b'{"sku": "' + b"x" * 2_000_000 + b'"}'

    assert _error(client.post(ITEMS, data=body, content_type=JSON)) == (413, "PAYLOAD_TOO_LARGE", [])


@pytest.mark.parametrize("end", [b'"}', b'"}' + b" " * 2_000_000])
def test_chunked_body_over_the_limit_is_too_large(client: FlaskClient, end: bytes) -> None:
    response = client.post(
        ITEMS,
        input_stream=io.BytesIO(b'{"sku": "' + b"x" * (2_000_000 if len(end) < 9 else 9) + end),
        content_type=JSON,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert _error(response) == (413, "PAYLOAD_TOO_LARGE", [])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/orders/7",
        "/api/v1/orders/%00",
        "/api/v1/orders/%ff",
        "/api/v1/orders/" + "x" * 5000,
        "/api/v1/products/..%2f..%2fetc",
        "/api/v1/tracking/a b",
        "/api/v1/nowhere",
        "//api/v1/products",
        "/api/v1/products//",
    ],
)
def test_malformed_id_is_not_found(client: FlaskClient, services: FakeServices, path: str) -> None:
    assert _error(client.get(path)) == (404, "NOT_FOUND", [])
    assert services.calls == []


def test_unknown_method_gets_the_allowed_methods(client: FlaskClient) -> None:
    response = client.put("/api/v1/cart", json={})

    assert _error(response) == (405, "METHOD_NOT_ALLOWED", [])
    assert response.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.parametrize("cart", ["x", "../../etc", "a b" * 10, "x" * 65])
def test_malformed_cart_id_is_refused(client: FlaskClient, issuer: Issuer, cart: str) -> None:
    for headers in ({}, issuer.bearer("CUSTOMER")):
        reply = client.get("/api/v1/cart", headers={"X-Cart-Id": cart, **headers})
        assert _error(reply) == (422, "VALIDATION_ERROR", ["X-Cart-Id"])


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside", "ümlaut"])
def test_malformed_idempotency_key_is_refused(client: FlaskClient, key: str) -> None:
    body = {"email": "a@b.co", "password": "long enough", "first_name": "A", "last_name": "B"}
    response = client.post("/api/v1/auth/register", json=body, headers={"Idempotency-Key": key})

    assert _error(response) == (422, "VALIDATION_ERROR", ["Idempotency-Key"])


def test_route_without_body_refuses_any_field(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("auth.logout_all", None)

    assert client.post("/api/v1/auth/logout-all", headers=issuer.bearer()).status_code == 200
    assert client.post("/api/v1/auth/logout-all", json={}, headers=issuer.bearer()).status_code == 200
    refused = client.post("/api/v1/auth/logout-all", json={"everyone": True}, headers=issuer.bearer())
    assert _error(refused) == (422, "VALIDATION_ERROR", ["everyone"])


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ('{"size": 9223372036854775808}', "products.0.size"),
        ('{"size": -9223372036854775809}', "products.0.size"),
        ('{"size": 1e300}', "products.0.size"),
        ('{"size": 1e400}', "products.0.size"),
        ('{"a": [{"b": "x\\u0000"}]}', "products.0.a.0.b"),
        ('{"a\\u0000": 1}', "products.0"),
    ],
)
def test_free_form_json_is_limited_to_storable_values(
    client: FlaskClient, services: FakeServices, issuer: Issuer, row: str, field: str
) -> None:
    body = f'{{"products": [{row}]}}'
    response = client.post("/api/v1/products/import", data=body, content_type=JSON, headers=issuer.bearer("ADMIN"))

    assert _error(response) in [(422, "VALIDATION_ERROR", [field]), (400, "BAD_REQUEST", [])]
    assert [name for name, _ in services.calls if name != "auth.jwks"] == []


def test_free_form_json_is_limited_in_digits_and_depth(
    client: FlaskClient, services: FakeServices, issuer: Issuer
) -> None:
    def send(row: str) -> Any:
        body = f'{{"products": [{{"size": {row}}}]}}'
        return client.post("/api/v1/products/import", data=body, content_type=JSON, headers=issuer.bearer("ADMIN"))

    services.answer("products.import_products", {"stock": []})
    assert send("9223372036854775807").status_code == 200
    assert send('"9999999999999999999999"').status_code == 200
    assert send("9" * 10_000).status_code in (400, 422)
    assert send("[" * 150 + "]" * 150).status_code in (200, 400)


def _order(**address_fields: Any) -> dict[str, Any]:
    address = {"name": "Ada", "line1": "1 Main St", "city": "London", "postal_code": "N1", "country": "GB"}
    payment_method = {"provider": "sandbox", "token": "pm_card_visa"}
    return {
        "shipping_address": address | address_fields,
        "shipping_method": "standard",
        "payment_method": payment_method,
    }


@pytest.mark.parametrize("code", ["UK", "XX", "us", "USA", "", "Ü1"])
def test_unknown_country_is_refused(client: FlaskClient, services: FakeServices, code: str) -> None:
    headers = {"Idempotency-Key": "a-key", "X-Cart-Id": "A" * 32}

    order = client.post("/api/v1/orders", headers=headers, json={"email": "a@example.com", **_order(country=code)})
    rates = client.post("/api/v1/shipping/rates", json={"address": {"country": code}})

    assert _error(order) == (422, "VALIDATION_ERROR", ["shipping_address.country"])
    assert _error(rates) == (422, "VALIDATION_ERROR", ["address.country"])
    assert "ISO 3166-1" in order.get_json()["error"]["message"]
    assert services.calls == []


def test_unknown_currency_is_refused(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    price = {"amount": 100, "currency": "ZZZ"}
    product = {"title": "Mug", "status": "active", "variants": [{"sku": "MUG", "price": price}]}

    refused = client.post("/api/v1/products", headers=issuer.bearer("ADMIN"), json=product)

    assert _error(refused) == (422, "VALIDATION_ERROR", ["variants.0.price.currency"])
    assert [name for name, _ in services.calls if name != "auth.jwks"] == []


def test_attribute_of_invalid_type_is_refused_once(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    variants = [{"sku": "MUG", "price": {"amount": 100, "currency": "USD"}}]
    product = {"title": "Mug", "status": "active", "variants": variants, "attributes": {"size": {"width": 1}}}

    refused = client.post("/api/v1/products", headers=issuer.bearer("ADMIN"), json=product)

    assert _error(refused) == (422, "VALIDATION_ERROR", ["attributes.size"])
    assert [name for name, _ in services.calls if name != "auth.jwks"] == []
