"""Hits of guests are sent before the request reaches Flask."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from werkzeug.test import Client

from gateway_flask.app import cached
from gateway_flask.testing import FakeServices, Issuer

PATH = "/api/v1/products/mug"
MUG = {"id": "0197b1c8-7a5e-7cc0-9f00-000000000001", "slug": "mug", "title": "Mug", "version": 1, "variants": []}


class Gateway:
    """The application behind the cache; `reached` are the paths of requests that Flask got."""

    def __init__(self, app: OpenAPI) -> None:
        self.reached: list[str] = []

        def counted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.reached.append(environ["PATH_INFO"])
            return app.wsgi_app(environ, start_response)

        self.client = Client(cached(counted, app, app.extensions["settings"]))


@pytest.fixture
def gateway(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> Gateway:
    services.answer("products.get_product", MUG)
    services.answer("search.search", {"items": [], "total": 0, "page": 1, "limit": 20, "degraded": False})
    return Gateway(make_caching_app(rate_limit_reads="4/minute"))


def test_hit_has_the_headers_of_its_own_request(gateway: Gateway) -> None:
    first = gateway.client.get(PATH, headers={"X-Request-Id": "first"})
    hit = gateway.client.get(PATH, headers={"X-Request-Id": "second"})
    unchanged = gateway.client.get(PATH, headers={"If-None-Match": first.headers["ETag"]})

    assert gateway.reached == [PATH]
    assert (hit.status_code, hit.get_data()) == (200, first.get_data())
    assert [reply.headers["RateLimit-Remaining"] for reply in (first, hit, unchanged)] == ["3", "2", "1"]
    assert [first.headers["X-Request-Id"], hit.headers["X-Request-Id"]] == ["first", "second"]
    assert set(first.headers.keys()) == set(hit.headers.keys())
    assert (unchanged.status_code, unchanged.get_data(), "Content-Type" in unchanged.headers) == (304, b"", False)


def test_guest_beyond_the_limit_is_refused(gateway: Gateway) -> None:
    statuses = [gateway.client.get(PATH).status_code for _ in range(6)]

    assert statuses == [200] * 4 + [429] * 2


def test_other_requests_reach_flask(gateway: Gateway, issuer: Issuer) -> None:
    gateway.client.get(PATH)

    gateway.client.get(PATH, headers=issuer.bearer("CUSTOMER"))
    gateway.client.head(PATH)
    for _ in range(2):  # each search is recorded
        gateway.client.get("/api/v1/search?q=mug")

    assert gateway.reached == [PATH, PATH, PATH, "/api/v1/search", "/api/v1/search"]


def test_cache_is_switched_off_by_setting(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    services.answer("products.get_product", MUG)
    gateway = Gateway(make_caching_app(reply_cache_bytes=0))

    replies = [gateway.client.get(PATH) for _ in range(2)]

    assert [name for name, _ in services.calls] == ["products.get_product"] * 2
    assert not any("X-Accel-Expires" in reply.headers for reply in replies)
