"""Every call of the gateway fits the signature of the service's RPC method, argument by argument."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.testing import SIGNED_IN, FakeServices, Issuer, settings
from schemas.permissions.access import Kind
from schemas.permissions.roles import permissions_of
from services.chassis.messaging.signatures import Signature
from services.chassis.runtime.registry import SERVICES
from services.chassis.runtime.runner import service_class
from tests.support.bodies import ID, VALID_BODIES

CART = "c" * 27
PATH = {"id": ID, "slug": "mugs", "sku": "MUG-RED", "code": "main", "number": "UP0000042", "provider": "sandbox"}
PATH |= {"file_id": ID}
PATHS = {
    "delete_tax_rate": {"id": "DE:*:standard"},
    "put_group": {"name": "wholesale"},
    "delete_group": {"name": "wholesale"},
    "get_tax_rate": {"id": "DE:*:standard"},
    "get_group": {"name": "wholesale"},
    "get_role": {"name": "SUPPORT"},
    "put_role": {"name": "SUPPORT"},
    "reset_role": {"name": "SUPPORT"},
}
PATH |= {"name": "reviews", "key": "inventory.low_stock_threshold", "kind": "order_shipped", "delivery_id": ID}
QUERIES = {
    "start_oauth": "return_to=https://shop.example/",
    "finish_oauth": "state=abcdefghijklmnopqrstuvwxyz&code=c",
    "download_export": "expires=99999999999&signature=x",
    "unsubscribe": "token=abcdefghijklmnop",
    "list_deliveries": "recipient=ada@example.com",
    "unsubscribe_page": "token=abcdefghijklmnop",
    "analytics_sales": "from=2026-01-01&to=2026-01-31&interval=day&group_by=product&currency=USD",
    "analytics_top_products": "by=units&limit=5",
    "list_products": "page=2&category=mugs&attr.colour=red&in_stock=true&min_price=5",
    "list_orders": "page=2&status=confirmed",
    "low_stock": "page=2",
    "list_tax_rates": "country=DE",
    "search": "q=red+mug&category=mugs&attr.colour=red&in_stock=true&min_price=5&facets=brand",
    "suggest": "q=mu",
    "reset_role": "reason=restored",
}
LOCAL_ROUTES = {"get_flags", "list_permissions"}
"""Answered by the gateway itself, without a service."""
REQUIRED_SETTINGS = {"amqp_url", "postgres_url", "mongo_url", "redis_url", "kafka_bootstrap"}
FILE_ROUTES = {name for name, endpoint in ENDPOINTS.items() if endpoint.form is not None or endpoint.gives_bytes}
"""Routes that call the files service over HTTP: see `tests/e2e/test_files.py`."""
REPLY: dict[str, Any] = {
    "items": [], "page": 1, "limit": 20, "total": 0, "id": CART, "status": "confirmed", "version": 1,
    "slug": "mug", "degraded": False, "user": {"id": ID}, "stock": [{"sku": "MUG-RED", "on_hand": 5}], "keys": [],
    "variants": [{"sku": "MUG-RED"}, {"sku": "MUG-GREEN"}], "options": [],
    "format": "csv", "csv": "", "subtotal": 500, "weight_g": 380, "currency": "USD",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _environment() -> Iterator[None]:
    """Set the environment, because some services read their settings when they are imported."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings().model_dump(include=REQUIRED_SETTINGS).items():
            patch.setenv(f"ULTRAMARKET_{name.upper()}", os.environ.get(f"ULTRAMARKET_{name.upper()}", value))
        yield


class SignatureCheckingServices(FakeServices):
    """Fake services that check the arguments of each call against the real method's signature."""

    def call(self, service: str, method: str, /, **kwargs: Any) -> Any:
        self.answers.setdefault(f"{service}.{method}", REPLY)
        reply = super().call(service, method, **kwargs)
        arguments = self.arguments(f"{service}.{method}")
        Signature(getattr(service_class(service), method)).arguments([], arguments)
        return reply


@pytest.fixture(scope="module")
def services() -> SignatureCheckingServices:
    return SignatureCheckingServices()


@pytest.fixture(scope="module")
def app(services: SignatureCheckingServices) -> OpenAPI:
    """One application for all routes: making one takes longer than a test."""
    return create_app(settings(), services)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def test_every_service_of_the_registry_exists() -> None:
    assert [service_class(name).name for name in SERVICES] == list(SERVICES)


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name not in FILE_ROUTES | LOCAL_ROUTES])
def test_call_fits_the_service_method(
    app: OpenAPI, services: SignatureCheckingServices, issuer: Issuer, name: str
) -> None:
    endpoint = ENDPOINTS[name]
    services.answers.clear()
    services.calls.clear()
    services.answer("auth.jwks", issuer.jwks())
    for method in ("login", "register", "two_factor_login", "exchange_oauth_code"):
        services.answer(f"auth.{method}", SIGNED_IN)
    services.answer("auth.start_oauth", {"url": "https://id.example/", "state": "s", "browser": "b"})
    services.answer("auth.finish_oauth", {"url": "https://shop.example/?code=c"})
    services.answer("audit.export", [])
    services.answer("users.export_part", None)
    for method in ("unsubscribe", "unsubscribe_page"):
        services.answer(f"notifications.{method}", {"kind": "back_in_stock", "page": "<p>"})
    services.answer("audit.verify", {"valid": True, "entries": 0})
    client = app.test_client()
    path = (
        endpoint.rule.replace("<string:", "{")
        .replace("<path:", "{")
        .replace(">", "}")
        .format(**PATH | PATHS.get(name, {}))
    )
    headers = {
        "Idempotency-Key": "key-1",
        "X-Cart-Id": CART,
        "If-Match": f'"{(VALID_BODIES.get(name) or {}).get("version", 3)}"',
    }

    for roles in ((), ("ADMIN", "CUSTOMER"), ("VENDOR",)):
        signed_in = issuer.bearer(*roles) if roles else {}
        response = client.open(
            path,
            method=endpoint.method,
            query_string=QUERIES.get(name, ""),
            json=VALID_BODIES.get(name),
            headers=headers | signed_in,
        )
        if endpoint.access.kind is not Kind.PERMISSION or endpoint.access.permission in permissions_of(roles):
            assert response.status_code in endpoint.statuses, response.get_data(as_text=True)
    assert [method_name for method_name, _ in services.calls if method_name != "auth.jwks"]
