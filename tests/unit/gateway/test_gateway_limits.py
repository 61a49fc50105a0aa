"""Rate limits by address: the routes they apply to, and the headers of a refusal."""

from collections.abc import Callable

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from gateway_flask.testing import SIGNED_IN, FakeServices, Issuer
from tests.support.routes import ACCESS, ANONYMOUS, path_of

SIGN_IN_ROUTES = {
    "two_factor_login",
    "register",
    "login",
    "refresh",
    "verify_email",
    "resend_verification",
    "forgot_password",
    "reset_password",
    "change_password",
}
UNLIMITED = {"webhook"}
"""Payment providers send webhooks without a limit."""
GUEST_WRITES = {name for name in ACCESS if ANONYMOUS in ACCESS[name] and ENDPOINTS[name].method != "GET"}


def statuses(app: OpenAPI, name: str, headers: dict[str, str], addresses: tuple[str, ...]) -> list[int]:
    """The route's statuses for requests from these addresses; each request has an unknown parameter, so nothing
    changes.
    """
    client, path = app.test_client(), f"{PREFIX}{path_of(name)}?surprise=1"
    key = {"Idempotency-Key": "a-key"}
    return [
        client.open(
            path, method=ENDPOINTS[name].method, headers=headers | key, environ_overrides={"REMOTE_ADDR": address}
        ).status_code
        for address in addresses
    ]


@pytest.mark.parametrize("name", sorted(SIGN_IN_ROUTES))
def test_sign_in_routes_are_limited_by_address(make_app: Callable[..., OpenAPI], issuer: Issuer, name: str) -> None:
    app, headers = make_app(rate_limit_sign_in="2/minute"), issuer.bearer()

    assert statuses(app, name, headers, ("192.0.2.1",) * 3 + ("192.0.2.2",)) == [422, 422, 429, 422]


@pytest.mark.parametrize("name", sorted(GUEST_WRITES - SIGN_IN_ROUTES - UNLIMITED))
def test_guest_writes_are_limited_by_address(make_app: Callable[..., OpenAPI], name: str) -> None:
    app = make_app(rate_limit_writes="1/minute")

    assert statuses(app, name, {}, ("192.0.2.1", "192.0.2.1", "192.0.2.2")) == [422, 429, 422]


def test_customer_writes_are_not_limited(make_app: Callable[..., OpenAPI], issuer: Issuer) -> None:
    app = make_app(rate_limit_writes="1/minute")

    assert statuses(app, "add_item", issuer.bearer(), ("192.0.2.1",) * 3) == [422, 422, 422]


def test_limited_reply_has_retry_after(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_app(rate_limit_sign_in="1/minute").test_client()
    services.answer("auth.login", SIGNED_IN)

    allowed, refused = (client.post("/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}) for _ in range(2))

    assert allowed.status_code == 200
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert refused.headers["RateLimit-Limit"] == "1"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
