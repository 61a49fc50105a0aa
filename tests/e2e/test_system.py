"""Endpoints for operators and machines: health, metrics, signing keys, the OpenAPI document and its page."""

import re
import socket
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from openapi_spec_validator import validate

from gateway_flask.app import create_app
from gateway_flask.testing import FakeServices, settings
from services.chassis.runtime.registry import SERVICES
from tests.support.shop import Shop


def get(shop: Shop, path: str) -> requests.Response:
    return requests.get(shop.url + path, timeout=60)


def test_health_names_every_dependency(shop: Shop) -> None:
    assert get(shop, "/health/live").json() == {"status": "live", "service": "gateway"}
    for path in ("/health", "/health/ready"):
        health = get(shop, path)

        assert (health.status_code, health.json()["status"]) == (200, "ready")
        assert health.json()["dependencies"].keys() == {"redis", "rabbitmq", *SERVICES}


def test_idle_keep_alive_connections_block_no_request(shop: Shop) -> None:
    url = urlsplit(shop.url)
    with ExitStack() as stack:
        for _ in range(400):
            connection = stack.enter_context(socket.create_connection((url.hostname, url.port), timeout=60))
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n")
            assert connection.recv(64).startswith(b"HTTP/1.1 200")

        assert requests.get(f"{shop.url}/health/live", timeout=60).status_code == 200


def test_metrics_count_requests_by_route(shop: Shop) -> None:
    line = re.compile(
        r'ultramarket_http_seconds_count\{method="GET",route="/api/v1/products/<string:id>",status="404"\} (\d+)'
    )

    def request_count() -> int:
        match = line.search(get(shop, "/metrics").text)
        return int(float(match[1])) if match else 0

    before = request_count()
    shop.guest()("GET", "/products/no-such-product")

    assert request_count() > before


def test_served_openapi_document_matches_the_code(shop: Shop) -> None:
    served = get(shop, "/api/v1/openapi.json")
    generated = create_app(settings(), FakeServices()).test_client().get("/api/v1/openapi.json").get_json()

    validate(served.json())
    assert served.headers["Content-Type"] == "application/json"
    assert served.json() == generated


def test_docs_page_loads_no_external_assets(shop: Shop) -> None:
    page = get(shop, "/docs")
    linked = re.findall(r'(?:href|src)="([^"]+)"', page.text)

    assert page.status_code == 200
    assert len(linked) >= 3
    for link in linked:
        asset = requests.get(shop.url + link, headers={"Accept": "text/html, */*"}, timeout=60)
        assert re.match(r"/(?!/)", link), link
        assert (asset.status_code, len(asset.content) > 100) == (200, True)


@pytest.mark.parametrize("asset", ["../../../../etc/passwd", "%2e%2e/%2e%2e/app.py", "none.js"])
def test_docs_assets_serve_no_other_files(shop: Shop, asset: str) -> None:
    assert get(shop, f"/docs/assets/{asset}").status_code == 404


def test_private_replies_are_not_cached(shop: Shop) -> None:
    customer = shop.customer()

    replies: list[Any] = [customer("GET", path) for path in ("/auth/me", "/cart", "/orders", "/users/me/addresses")]

    assert [reply.headers["Cache-Control"] for reply in replies] == ["no-store"] * 4
