"""The error table: code, status and headers of every error reply."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import FakeServices
from services.chassis.common import errors
from services.chassis.common.errors import DOMAIN_ERRORS, DomainError

STATUS_BY_CODE = {
    "BAD_REQUEST": 400,
    "IDEMPOTENCY_KEY_REQUIRED": 400,
    "UNAUTHENTICATED": 401,
    "TOKEN_EXPIRED": 401,
    "INVALID_CREDENTIALS": 401,
    "PAYMENT_DECLINED": 402,
    "PAYMENT_ACTION_REQUIRED": 402,
    "TWO_FACTOR_REQUIRED": 401,
    "FORBIDDEN": 403,
    "EMAIL_NOT_VERIFIED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "OUT_OF_STOCK": 409,
    "PRICE_CHANGED": 409,
    "CONFLICT": 409,
    "IDEMPOTENCY_IN_PROGRESS": 409,
    "INVALID_STATE": 409,
    "PRECONDITION_FAILED": 412,
    "VALIDATION_ERROR": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMITED": 429,
    "SERVICE_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


@pytest.mark.parametrize(("code", "status"), STATUS_BY_CODE.items())
def test_domain_error_becomes_its_status(client: FlaskClient, services: FakeServices, code: str, status: int) -> None:
    details = [{"sku": "MUG", "requested": 2, "available": 1}]
    services.answer("cart.get_cart", DOMAIN_ERRORS[code]("Because", details))

    response = client.get("/api/v1/cart")

    assert response.status_code == status
    assert response.get_json() == {"success": False, "error": {"code": code, "message": "Because", "details": details}}
    assert ("Retry-After" in response.headers) == (
        code in {"RATE_LIMITED", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED", "IDEMPOTENCY_IN_PROGRESS"}
    )
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_every_domain_error_is_in_the_table() -> None:
    domain_errors = {code: error.status for code, error in DOMAIN_ERRORS.items() if error.__module__ == errors.__name__}

    assert {code: status for code, status in domain_errors.items() if code != "INTERNAL_ERROR"} == STATUS_BY_CODE


@pytest.mark.parametrize(
    "bug", [RuntimeError("secret inside"), KeyError("secret"), errors.RemoteFailure("secret at orders")]
)
def test_unexpected_error_reveals_no_details(client: FlaskClient, services: FakeServices, bug: Exception) -> None:
    services.answer("cart.get_cart", bug)

    response = client.get("/api/v1/cart")

    assert response.status_code == 500
    assert response.get_json()["error"] == {
        "code": "INTERNAL_ERROR",
        "message": DomainError.default_message,
        "details": [],
    }
    assert "secret" not in response.get_data(as_text=True)
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/api/v1/cart", "/api/v1/nowhere", "/health/live"])
def test_every_reply_has_a_request_id(client: FlaskClient, services: FakeServices, path: str) -> None:
    services.answer("cart.get_cart", {"id": None})

    assert client.get(path, headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    for invalid in ("", "x" * 129, "a b", "<script>"):
        generated = client.get(path, headers={"X-Request-Id": invalid}).headers["X-Request-Id"]
        assert generated != invalid
        assert len(generated) == 36


def test_request_context_is_passed_to_the_service(client: FlaskClient, services: FakeServices) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    services.answer("cart.get_cart", {"id": None})

    client.get("/api/v1/cart", headers={"X-Request-Id": "mine-1", "traceparent": trace})

    assert services.context == {"request_id": "mine-1", "user_id": None, "session_id": None, "traceparent": trace}


def test_head_and_options_work(client: FlaskClient, services: FakeServices) -> None:
    services.answer("cart.get_cart", {"id": None})

    head, options = client.head("/api/v1/cart"), client.options("/api/v1/cart")

    assert (head.status_code, head.get_data()) == (200, b"")
    assert options.status_code == 200
    assert sorted(options.headers["Allow"].split(", ")) == ["DELETE", "GET", "HEAD", "OPTIONS"]


def test_trailing_slash_is_served_without_redirect(client: FlaskClient, services: FakeServices) -> None:
    answer: dict[str, Any] = {"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": None}
    services.answer("products.list_products", answer)

    assert client.get("/api/v1/products/").status_code == 200
