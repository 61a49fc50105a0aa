"""Invalid requests over HTTP: paths, query parameters, headers and methods."""

import os
import socket
from urllib.parse import urlsplit

import pytest

from tests.support.existing_customer import ExistingCustomer
from tests.support.shop import ADDRESS, Shop, new_key

INVALID_PATH_PARAMETERS = [
    "x" * 10_000,
    "%ff%fe",
    "%0d%0aX-Evil:%201",
    "'; drop table orders; --",
    "$where",
]


@pytest.mark.parametrize("part", INVALID_PATH_PARAMETERS)
def test_impossible_id_is_not_found(unchanged: ExistingCustomer, part: str) -> None:
    for path in (f"/products/{part}", f"/orders/{part}/events", f"/tracking/{part}"):
        reply = unchanged.client("GET", path)

        assert (reply.status, reply.code) == (404, "NOT_FOUND"), path


def test_nul_in_a_path_is_a_bad_request(shop: Shop) -> None:
    for path in ("/products/%00", "/orders/a%00b/events", "/nothing%00"):
        reply = shop.guest()("GET", path)

        assert (reply.status, reply.code) == (400, "BAD_REQUEST"), path


@pytest.mark.parametrize(
    "query", ["surprise=1", "page=1&page=2", "%00=1", "brand=%00", "page=%00", "%ff=1", "page=1e3"]
)
def test_wrong_parameter_is_refused(shop: Shop, query: str) -> None:
    reply = shop.guest()("GET", f"/products?{query}")

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert reply.error["details"][0]["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/products", "POST"),
        ("POST", "/orders/{order}", "GET"),
        ("PUT", "/cart", "DELETE"),
        ("PATCH", "/auth/login", "POST"),
        ("DELETE", "/payments/{order}", "GET"),
    ],
)
def test_wrong_method_is_refused_with_allow_header(
    unchanged: ExistingCustomer, method: str, path: str, allowed: str
) -> None:
    reply = unchanged.client(method, path.format(order=unchanged.order_id), {})

    assert (reply.status, reply.code) == (405, "METHOD_NOT_ALLOWED")
    assert allowed in reply.headers["Allow"].split(", ")


@pytest.mark.parametrize("path", ["/cart/coupon", "/nothing", "/products/a/b/c", "//products", "/%2e%2e/health"])
def test_unknown_route_is_not_found(shop: Shop, path: str) -> None:
    reply = shop.guest()("POST", path, {"code": "SUMMER"})

    assert (reply.status, reply.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Idempotency-Key", "x" * 256, 422, "VALIDATION_ERROR"),
        ("Idempotency-Key", "", 422, "VALIDATION_ERROR"),
        ("Idempotency-Key", "a\tb", 422, "VALIDATION_ERROR"),
        ("X-Cart-Id", "short", 422, "VALIDATION_ERROR"),
        ("X-Cart-Id", "../../etc/passwd/..", 422, "VALIDATION_ERROR"),
        ("X-Cart-Id", "unknown-but-well-formed", 404, "NOT_FOUND"),
        ("Content-Encoding", "gzip", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_invalid_header_is_refused(
    shop: Shop, unchanged: ExistingCustomer, header: str, value: str, status: int, code: str
) -> None:
    guest = shop.guest()
    guest.cart = "unknown-but-well-formed"
    body = {"email": "a@example.com", "shipping_address": ADDRESS, "shipping_method": "standard"}
    body |= {"payment_method": {"provider": "sandbox", "token": "pm_card_visa"}}

    reply = guest("POST", "/orders", body, headers={"Idempotency-Key": new_key()} | {header: value})

    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize("if_match", ["yesterday", 'W/"x"', '"1", "2"', "99999999999999999999999"])
def test_malformed_version_is_a_failed_precondition(unchanged: ExistingCustomer, if_match: str) -> None:
    reply = unchanged.shop.admin(
        "PATCH", f"/products/{unchanged.product_id}", {"title": "x"}, headers={"If-Match": if_match}
    )

    assert (reply.status, reply.code) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize(
    ("request_id", "echoed"),
    [("trace-42", True), ("a" * 128, True), ("a" * 129, False), ("two words", False), ("", False)],
)
def test_every_reply_has_a_request_id(shop: Shop, request_id: str, echoed: bool) -> None:
    for path in ("/products?limit=1", "/nothing"):
        reply = shop.guest()("GET", path, headers={"X-Request-Id": request_id})

        assert (reply.headers["X-Request-Id"] == request_id) is echoed
        assert len(reply.headers["X-Request-Id"]) >= 8


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/v1/products HTTP/1.1\r\nHost: shop\r\nX-Cart-Id: a\x00b\r\n\r\n",
        b"GET /api/v1/products\x00 HTTP/1.1\r\nHost: shop\r\n\r\n",
        b"GET /api/v1/products HTTP/1.1\r\nHost: shop\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
)
def test_malformed_http_is_refused_by_the_server(shop: Shop, head: bytes) -> None:
    url = urlsplit(os.environ["ULTRAMARKET_URL"])

    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.settimeout(10)
        try:
            connection.sendall(head)
            answer = connection.recv(1000)
        except ConnectionError:
            answer = b""

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert shop.guest()("GET", "/products?limit=1").status == 200
