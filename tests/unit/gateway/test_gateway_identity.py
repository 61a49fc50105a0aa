"""Authentication and roles: access tokens, key rotation, and what each role may call."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.middleware import authentication
from gateway_flask.testing import SESSION, SIGNED_IN, USER, FakeServices, Issuer
from services.chassis.common.errors import ServiceUnavailable

ME = "/api/v1/auth/me"


@pytest.fixture
def client(make_app: Callable[..., OpenAPI]) -> FlaskClient:
    """An application that knows nothing of other tests."""
    return make_app().test_client()


def _code(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["code"]


def _forged(header: dict[str, Any], claims: dict[str, Any]) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part(header)}.{part(claims)}."


def test_valid_token_is_accepted(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("auth.me", {"id": USER})

    response = client.get(ME, headers=issuer.bearer())

    assert response.get_json()["data"] == {"id": USER}
    assert services.arguments("auth.me")["caller"]["user_id"] == USER
    assert services.context is not None
    assert (services.context["user_id"], services.context["session_id"]) == (USER, SESSION)


def test_signing_keys_are_fetched_once(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("auth.me", {"id": USER})

    for _ in range(3):
        client.get(ME, headers=issuer.bearer())

    assert [name for name, _ in services.calls].count("auth.jwks") == 1


def test_rotated_key_works_at_once_without_fetch_storm(
    client: FlaskClient, services: FakeServices, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.answer("auth.me", {"id": USER})
    client.get(ME, headers=issuer.bearer())
    newer = Issuer("key-2")
    services.answer("auth.jwks", newer.jwks())

    too_soon = [client.get(ME, headers=newer.bearer()).status_code for _ in range(5)]
    assert too_soon == [401] * 5
    assert [name for name, _ in services.calls].count("auth.jwks") == 1

    monkeypatch.setattr(authentication, "REFRESH_SECONDS", 0.0)
    assert client.get(ME, headers=newer.bearer()).status_code == 200


def test_missing_token_is_unauthenticated(client: FlaskClient) -> None:
    assert _code(client.get(ME)) == (401, "UNAUTHENTICATED")


def test_expired_token_is_refused_as_expired(client: FlaskClient, issuer: Issuer) -> None:
    assert _code(client.get(ME, headers=issuer.bearer(expires_in=-60))) == (401, "TOKEN_EXPIRED")


def test_invalid_token_is_refused(client: FlaskClient, issuer: Issuer) -> None:
    claims = {"sub": USER, "roles": ["ADMIN"], "type": "access", "exp": 9_999_999_999}
    invalid_tokens = [
        Issuer(issuer.kid).token("ADMIN"),
        issuer.token()[:-6],
        issuer.token(type="refresh"),
        _forged({"alg": "none", "kid": issuer.kid}, claims),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": issuer.kid}),
        jwt.encode(claims, issuer.private, algorithm="EdDSA"),
        jwt.encode(
            {"roles": ["ADMIN"], "exp": 9_999_999_999}, issuer.private, algorithm="EdDSA", headers={"kid": issuer.kid}
        ),
        "nonsense",
        "a.b.c",
    ]
    for token in invalid_tokens:
        assert _code(client.get(ME, headers={"Authorization": f"Bearer {token}"})) == (401, "UNAUTHENTICATED"), token


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "bearer\tx", "Bearer \xff"])
def test_malformed_authorization_header_is_refused(client: FlaskClient, header: str) -> None:
    assert _code(client.get(ME, headers={"Authorization": header})) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("path", "roles", "status"),
    [
        ("/api/v1/inventory/low-stock", ("CUSTOMER",), 403),
        ("/api/v1/inventory/low-stock", ("VENDOR",), 200),
        ("/api/v1/inventory/low-stock", ("ADMIN",), 200),
        ("/api/v1/inventory/warehouses", ("VENDOR",), 403),
        ("/api/v1/inventory/warehouses", ("CUSTOMER", "ADMIN"), 200),
        ("/api/v1/orders", ("ADMIN",), 200),
        ("/api/v1/orders", ("STRANGER",), 403),
    ],
)
def test_role_decides_access(
    client: FlaskClient, services: FakeServices, issuer: Issuer, path: str, roles: tuple[str, ...], status: int
) -> None:
    page = {"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": None}
    services.answer("inventory.low_stock", page)
    services.answer("products.vendor_skus", [])
    services.answer("inventory.list_warehouses", [])
    services.answer("orders.list_orders", page)

    assert client.get(path, headers=issuer.bearer(*roles)).status_code == status


def test_guest_route_accepts_no_token_but_no_invalid_one(
    client: FlaskClient, services: FakeServices, issuer: Issuer
) -> None:
    services.answer("cart.get_cart", {"id": None})

    assert client.get("/api/v1/cart").status_code == 200
    assert _code(client.get("/api/v1/cart", headers=issuer.bearer(expires_in=-60))) == (401, "TOKEN_EXPIRED")


def test_login_ignores_an_expired_token(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("auth.login", SIGNED_IN)

    response = client.post(
        "/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}, headers=issuer.bearer(expires_in=-60)
    )
    assert response.status_code == 200


def test_unavailable_auth_is_not_a_client_error(client: FlaskClient, services: FakeServices, issuer: Issuer) -> None:
    services.answer("auth.jwks", ServiceUnavailable())

    assert _code(client.get(ME, headers=issuer.bearer())) == (503, "SERVICE_UNAVAILABLE")
