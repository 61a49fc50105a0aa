"""The cache of replies: what is cached, for whom, and until when."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.caching import tags
from gateway_flask.caching.cached_reply import CachedReply
from gateway_flask.caching.invalidations import SETTLING_LIFETIME, Drop, Invalidations
from gateway_flask.caching.reply_cache import ReplyCache
from gateway_flask.middleware.request_context import cart_id, current_request
from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.testing import FakeServices, Issuer
from services.chassis.common.errors import ServiceUnavailable

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
MUG: dict[str, Any] = {"id": ID, "slug": "mug", "title": "Mug", "version": 1, "variants": [{"sku": "MUG-1"}]}
PAGE = {"items": [{"id": ID, "title": "Mug"}], "total": 1, "page": 1, "limit": 20}
PATH = "/api/v1/products/mug"


def _calls(services: FakeServices, method: str) -> int:
    return sum(name == method for name, _ in services.calls)


def _cache(app: OpenAPI) -> ReplyCache:
    cache: ReplyCache = app.extensions["reply_cache"]
    return cache


# ---- what is cached, and for whom -----------------------------------------------------------------------------------


def test_only_these_routes_are_cached() -> None:
    cached = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.cached is not None}

    assert set(cached) == {
        "list_products", "get_product", "list_variants", "category_tree", "get_category", "search", "suggest",
    }  # fmt: skip
    assert {(endpoint.method, endpoint.limit, endpoint.key) for endpoint in cached.values()} == {("GET", "reads", "no")}
    assert {endpoint.access.kind.name for endpoint in cached.values()} == {"PUBLIC", "GUEST"}


def test_hit_is_the_same_reply_without_a_call(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_caching_app().test_client()
    services.answer("products.get_product", MUG)

    first, again = client.get(PATH), client.get(PATH)
    unchanged = client.get(PATH, headers={"If-None-Match": first.headers["ETag"]})

    assert _calls(services, "products.get_product") == 1
    assert (again.status_code, again.get_data(), again.headers["ETag"]) == (
        200,
        first.get_data(),
        first.headers["ETag"],
    )
    assert again.headers["Cache-Control"] == "no-cache"
    assert (unchanged.status_code, unchanged.get_data()) == (304, b"")
    assert len({reply.headers["X-Request-Id"] for reply in (first, again, unchanged)}) == 3


def test_reply_is_computed_for_a_guest(
    make_caching_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer
) -> None:
    client = make_caching_app().test_client()
    services.answer("products.get_product", MUG)

    own = client.get(PATH, headers={**issuer.bearer("CUSTOMER"), "X-Order-Key": "an-order-key-of-a-guest"})

    caller = services.arguments("products.get_product")["caller"]
    assert not {name for name, value in caller.items() if value}
    assert services.context is not None
    assert services.context["user_id"] is None
    assert "X-Accel-Expires" not in own.headers
    assert client.get(PATH).headers["X-Accel-Expires"] == "1"


def test_vendor_and_staff_bypass_the_cache(
    make_caching_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer
) -> None:
    client = make_caching_app().test_client()
    services.answer("products.get_product", MUG)
    client.get(PATH)
    services.answer("products.get_product", MUG | {"title": "A draft"})

    for role in ("VENDOR", "ADMIN"):
        reply = client.get(PATH, headers=issuer.bearer(role))
        assert reply.get_json()["data"]["title"] == "A draft"
        assert "X-Accel-Expires" not in reply.headers
    assert client.get(PATH).get_json()["data"]["title"] == "Mug"


def test_guest_reply_cannot_depend_on_a_cart(make_caching_app: Callable[..., OpenAPI]) -> None:
    app = make_caching_app()

    with app.test_request_context(headers={"X-Cart-Id": "0123456789abcdef"}):
        app.preprocess_request()
        assert cart_id() == "0123456789abcdef"
        with current_request().as_guest(), pytest.raises(RuntimeError):
            cart_id()


def test_errors_are_not_cached(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_caching_app().test_client()
    services.answer("products.get_product", ServiceUnavailable())
    unavailable = client.get(PATH)
    services.answer("products.get_product", MUG)

    assert (unavailable.status_code, client.get(PATH).status_code) == (503, 200)


def test_search_hit_is_recorded(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    client = make_caching_app().test_client()
    services.answer("search.search", PAGE | {"degraded": False, "facets": []})

    for session in ("session-1", "session-2"):
        client.get("/api/v1/search", query_string={"q": "mug", "session_id": session})

    recorded = [call["events"][0] for name, call in services.calls if name == "analytics.record_events"]
    assert [(event["session_id"], event["fields"]["results"]) for event in recorded] == [
        ("session-1", 1), ("session-2", 1),
    ]  # fmt: skip
    assert _calls(services, "search.search") == 1


# ---- invalidation ---------------------------------------------------------------------------------------------------

SALE = {"sku": "MUG-1", "available": 4, "delta": -1, "reason": "reserved"}
TABLE = [
    ("products.events", "product_created", {"product_id": ID}, {tags.LISTS, tags.SEARCH, f"product:{ID}"}),
    ("products.events", "product_updated", {"product_id": ID}, {tags.LISTS, tags.SEARCH, f"product:{ID}"}),
    ("products.events", "product_archived", {"product_id": ID}, {tags.LISTS, tags.SEARCH, f"product:{ID}"}),
    ("products.events", "category_changed", {}, {tags.CATEGORIES, tags.SEARCH}),
    ("inventory.events", "stock_changed", SALE, {"sku:MUG-1"}),
    ("inventory.events", "stock_changed", SALE | {"available": 0}, {"sku:MUG-1", tags.AVAILABILITY}),
    ("inventory.events", "stock_changed", SALE | {"reason": "initial"}, {"sku:MUG-1", tags.AVAILABILITY}),
    ("inventory.events", "stock_changed", SALE | {"delta": 0, "reason": "committed"}, set()),
    ("reviews.events", "rating_changed", {"product_id": ID}, {f"product:{ID}", tags.RATINGS}),
    ("analytics.events", "sales_counted", {}, {tags.SEARCH}),
    ("analytics.events", "popular_queries_changed", {}, {tags.SEARCH}),
    ("config.events", "flag_changed", {}, {tags.EVERYTHING}),
    ("config.events", "setting_changed", {}, {tags.EVERYTHING}),
]


@pytest.mark.parametrize(("exchange", "event", "data", "dropped"), TABLE)
def test_event_drops_what_shows_it(exchange: str, event: str, data: dict[str, Any], dropped: set[str]) -> None:
    assert {drop.tag for drop in tags.DROPS[exchange, event](data)} == dropped


def test_every_event_of_the_table_is_tested() -> None:
    assert {(exchange, event) for exchange, event, _, _ in TABLE} == set(tags.DROPS)


def test_read_across_a_change_is_not_cached(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    app = make_caching_app()
    client, invalidations = app.test_client(), _cache(app).invalidations

    def old_value_arrives_after_the_event(**_: Any) -> dict[str, Any]:
        invalidations.record([Drop(tags.product(ID))])
        return MUG

    services.answer("products.get_product", old_value_arrives_after_the_event)
    assert client.get(PATH).get_json()["data"]["title"] == "Mug"
    services.answer("products.get_product", MUG | {"title": "New"})

    assert client.get(PATH).get_json()["data"]["title"] == "New"


def test_own_change_is_read_at_once(
    make_caching_app: Callable[..., OpenAPI], services: FakeServices, issuer: Issuer
) -> None:
    client = make_caching_app().test_client()
    services.answer("products.get_product", MUG)
    services.answer("products.list_products", PAGE)
    for path in (PATH, f"/api/v1/products/{ID}", "/api/v1/products"):
        client.get(path)
    services.answer("products.patch_product", MUG | {"title": "New", "version": 2})
    client.patch(PATH, json={"title": "New"}, headers=issuer.bearer("VENDOR"))
    services.answer("products.get_product", MUG | {"title": "New", "version": 2})
    services.answer("products.list_products", PAGE | {"total": 7})

    assert client.get(PATH).get_json()["data"]["title"] == "New"
    assert client.get("/api/v1/products").get_json()["pagination"]["total"] == 7


def test_without_events_nothing_is_cached(make_caching_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    app = make_caching_app()
    client, invalidations = app.test_client(), _cache(app).invalidations
    services.answer("products.get_product", MUG)
    client.get(PATH)

    invalidations.end()
    replies = [client.get(PATH) for _ in range(2)]
    assert _calls(services, "products.get_product") == 3
    assert not any("X-Accel-Expires" in reply.headers for reply in replies)

    invalidations.begin()
    client.get(PATH)
    assert _calls(services, "products.get_product") == 4, "a reply of before the interruption is not used"


def test_reply_of_a_settling_copy_lives_shortly() -> None:
    now = 100.0
    invalidations = Invalidations(lambda: now)
    invalidations.begin()
    now = 101.0
    invalidations.record([Drop("sku:MUG", settling=1.0)])

    assert not invalidations.is_current(["sku:MUG"], 100.9, 101.1)
    assert invalidations.is_current(["sku:MUG"], 101.1, 101.1 + SETTLING_LIFETIME / 2)
    assert not invalidations.is_current(["sku:MUG"], 101.1, 101.2 + SETTLING_LIFETIME)
    assert invalidations.is_current(["sku:HAT"], 100.9, 101.2 + SETTLING_LIFETIME)
    assert invalidations.is_current(["sku:MUG"], 102.1, 104.0)


# ---- the cache itself -----------------------------------------------------------------------------------------------


def _reply(body: bytes = b"{}") -> CachedReply:
    return CachedReply("/route", body, (), '"tag"', ("a",), {})


def _made(max_bytes: int = 100_000, seconds: float = 60.0) -> ReplyCache:
    invalidations = Invalidations()
    invalidations.begin()
    return ReplyCache(max_bytes, seconds, invalidations)


def test_concurrent_requests_share_one_computation() -> None:
    cache, started, proceed = _made(), threading.Event(), threading.Event()
    calls = []

    def compute() -> CachedReply:
        calls.append(1)
        started.set()
        assert proceed.wait(60)
        return _reply()

    with ThreadPoolExecutor(8) as pool:
        replies = [pool.submit(cache.fill, "/route", "key", compute) for _ in range(8)]
        assert started.wait(60)
        proceed.set()
        assert {reply.result(60).body for reply in replies} == {b"{}"}
    assert len(calls) == 1


def test_request_after_a_change_does_not_wait_for_an_older_read() -> None:
    cache, started, proceed = _made(), threading.Event(), threading.Event()

    def old() -> CachedReply:
        started.set()
        assert proceed.wait(60)
        return _reply(b"old")

    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(cache.fill, "/route", "key", old)
        assert started.wait(60)
        cache.invalidations.record([Drop("a")])
        later = pool.submit(cache.fill, "/route", "key", lambda: _reply(b"new"))
        proceed.set()
        assert (reading.result(60).body, later.result(60).body) == (b"old", b"new")
    cached = cache.get("key")
    assert cached is None or cached.body == b"new"


def test_reply_past_its_lifetime_is_used_while_computed() -> None:
    cache, computed = _made(seconds=0.0), threading.Event()
    bodies = iter([b"first", b"second"])

    def compute() -> CachedReply:
        body = next(bodies)
        if body == b"second":
            computed.set()
        return _reply(body)

    cache.fill("/route", "key", compute)
    stale = cache.get("key")

    assert stale is not None
    assert stale.body == b"first"
    assert computed.wait(60)


def test_cache_is_bounded_by_bytes() -> None:
    cache = _made(max_bytes=10_000)
    for key in "abc":
        cache.fill("/route", key, lambda: _reply(b"x" * 3_000))
    cache.fill("/route", "large", lambda: _reply(b"x" * 20_000))

    assert [cache.get(key) is not None for key in (*"abc", "large")] == [False, True, True, False]
