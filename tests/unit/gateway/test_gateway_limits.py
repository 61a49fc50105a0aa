"""Rate limits: the routes and callers they apply to, and the headers of replies."""

from collections.abc import Callable
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from gateway_flask.testing import SIGNED_IN, FakeServices, Issuer
from tests.support.routes import ACCESS, ANONYMOUS, path_of

SIGN_IN_ROUTES = {
    "start_oauth",
    "finish_oauth",
    "exchange_oauth_code",
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
USER_A, USER_B = "0197b1c8-7a5e-7cc0-9f00-00000000000a", "0197b1c8-7a5e-7cc0-9f00-00000000000b"


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


def test_all_other_routes_but_webhooks_have_a_limit() -> None:
    classes = {name: endpoint.limit for name, endpoint in ENDPOINTS.items() if name not in SIGN_IN_ROUTES}

    assert {name for name, limit in classes.items() if limit is None} == UNLIMITED
    assert {name for name, limit in classes.items() if limit == "reads"} == {
        name for name in classes if ENDPOINTS[name].method == "GET"
    }


def test_guests_are_limited_by_address(make_app: Callable[..., OpenAPI]) -> None:
    app = make_app(rate_limit_writes="1/minute", rate_limit_reads="1/minute")

    assert statuses(app, "add_item", {}, ("192.0.2.1", "192.0.2.1", "192.0.2.2")) == [422, 429, 422]
    assert statuses(app, "list_products", {}, ("192.0.2.1", "192.0.2.1", "192.0.2.2")) == [422, 429, 422]


def test_addresses_of_one_ipv6_network_are_one_client(make_app: Callable[..., OpenAPI]) -> None:
    app = make_app(rate_limit_writes="1/minute")

    assert statuses(app, "add_item", {}, ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")) == [422, 429, 422]
    assert statuses(app, "add_item", {}, ("198.51.100.1", "::ffff:198.51.100.1")) == [422, 429]


def test_users_are_limited_wherever_they_are(make_app: Callable[..., OpenAPI], issuer: Issuer) -> None:
    app = make_app(rate_limit_writes="1/minute")

    assert statuses(app, "add_item", issuer.bearer(sub=USER_A), ("192.0.2.1", "192.0.2.2")) == [422, 429]
    assert statuses(app, "add_item", issuer.bearer(sub=USER_B), ("192.0.2.1",)) == [422]


def test_api_keys_have_limits_of_their_own(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    app = make_app(rate_limit_writes="1/minute", rate_limit_key_writes="2/minute")
    keys = {name: f"umk_{name * 24}" for name in ("a", "b", "c")}

    def identify(key: str) -> dict[str, Any]:
        own = 3 if key == keys["c"] else None
        caller = {"user_id": USER_A, "roles": ["CUSTOMER"], "scopes": ["orders.write"]}
        return {"key_id": key, "caller": caller, "requests_per_minute": own}

    services.answer("auth.identify_key", identify)

    def used(name: str, times: int) -> list[int]:
        return statuses(app, "add_item", {"X-API-Key": keys[name]}, ("192.0.2.1",) * times)

    assert statuses(app, "add_item", {}, ("192.0.2.1",) * 2) == [422, 429]
    assert (used("a", 3), used("b", 1)) == ([422, 422, 429], [422])
    assert used("c", 4) == [422, 422, 422, 429]


def test_refused_tokens_count_for_their_address(make_app: Callable[..., OpenAPI], issuer: Issuer) -> None:
    app = make_app(rate_limit_reads="2/minute")
    expired = issuer.bearer(expires_in=-60)

    assert statuses(app, "list_orders", expired, ("192.0.2.1",) * 3 + ("192.0.2.2",)) == [401, 401, 429, 401]


def test_every_limited_reply_tells_what_is_left(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_app(rate_limit_sign_in="2/minute").test_client()
    services.answer("auth.login", SIGNED_IN)

    first, second, refused = (
        client.post("/api/v1/auth/login", json={"email": "a@b.co", "password": "x"}) for _ in range(3)
    )

    assert [reply.status_code for reply in (first, second, refused)] == [200, 200, 429]
    assert [reply.headers["RateLimit-Limit"] for reply in (first, second, refused)] == ["2"] * 3
    assert [reply.headers["RateLimit-Remaining"] for reply in (first, second, refused)] == ["1", "0", "0"]
    assert all(1 <= int(reply.headers["RateLimit-Reset"]) <= 60 for reply in (first, second, refused))
    assert refused.get_json()["error"]["code"] == "RATE_LIMITED"
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"]
    assert "Retry-After" not in second.headers
