"""Search suggestions are cached for a short time, by normalised query."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.caching.single_flight import SingleFlightCache
from gateway_flask.testing import FakeServices
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.dynamic_config import config

PATH = "/api/v1/search/suggest"
SUGGESTIONS = {"products": [], "categories": [{"slug": "mugs", "name": "Mugs"}], "queries": []}
NO_SUGGESTIONS: dict[str, Any] = {"products": [], "categories": [], "queries": []}


@pytest.fixture
def client(make_app: Callable[..., OpenAPI]) -> FlaskClient:
    """An application that knows nothing of other tests."""
    return make_app().test_client()


def _called_queries(services: FakeServices) -> list[str]:
    return [arguments["q"] for name, arguments in services.calls if name == "search.suggest"]


def test_equivalent_prefixes_are_one_call(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SUGGESTIONS)

    replies = [client.get(PATH, query_string={"q": q}) for q in ("mug red", "Mug  RED", " mug red ", "mugs")]

    assert [reply.get_json()["data"] for reply in replies] == [SUGGESTIONS] * 4
    assert _called_queries(services) == ["mug red", "mugs"]
    cacheability, seconds = replies[1].headers["Cache-Control"].split(", max-age=")
    assert cacheability == "public"
    assert 8 <= int(seconds) <= 10
    assert replies[0].headers["X-Request-Id"] != replies[1].headers["X-Request-Id"]


def test_prefix_is_cut_after_case_folding(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SUGGESTIONS)

    assert client.get(PATH, query_string={"q": "ß" * 100}).status_code == 200
    assert _called_queries(services) == ["s" * 100]


@pytest.mark.parametrize("answer", [NO_SUGGESTIONS, ServiceUnavailable()])
def test_reply_of_an_unavailable_engine_is_not_cached(client: FlaskClient, services: FakeServices, answer: Any) -> None:
    services.answer("search.suggest", answer)
    unavailable = client.get(PATH, query_string={"q": "mug"})
    services.answer("search.suggest", SUGGESTIONS)

    available = client.get(PATH, query_string={"q": "mug"})

    assert unavailable.headers["Cache-Control"] == "no-store"
    assert available.get_json()["data"] == SUGGESTIONS


def test_cache_is_disabled_by_setting(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    services.answer("search.suggest", SUGGESTIONS)
    client = make_app(suggest_seconds=0).test_client()

    replies = [client.get(PATH, query_string={"q": "mug"}) for _ in range(2)]

    assert _called_queries(services) == ["mug", "mug"]
    assert {reply.headers["Cache-Control"] for reply in replies} == {"no-store"}


def test_disabled_engine_bypasses_the_cache(
    client: FlaskClient, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.answer("search.suggest", SUGGESTIONS)
    client.get(PATH, query_string={"q": "mug"})
    services.answer("search.suggest", NO_SUGGESTIONS)

    monkeypatch.setattr(config, "enabled", lambda name, *_: name != "search_engine")

    assert client.get(PATH, query_string={"q": "mug"}).get_json()["data"] == NO_SUGGESTIONS


def test_concurrent_requests_share_one_call() -> None:
    cache, started, proceed, calls = SingleFlightCache(10, 60), threading.Event(), threading.Event(), []

    def load() -> tuple[bytes, bool]:
        calls.append(1)
        started.set()
        assert proceed.wait(60)
        return b"answer", True

    def fail() -> tuple[bytes, bool]:
        started.set()
        assert proceed.wait(60)
        raise ServiceUnavailable

    with ThreadPoolExecutor(8) as pool:
        replies = [pool.submit(cache.get, "mug", load) for _ in range(8)]
        assert started.wait(60)
        proceed.set()
        assert {answer.result(5).body for answer in replies} == {b"answer"}
        assert len(calls) == 1
        started.clear()
        proceed.clear()
        failures = [pool.submit(cache.get, "hat", fail) for _ in range(8)]
        assert started.wait(60)
        proceed.set()
        assert all(isinstance(failure.exception(5), ServiceUnavailable) for failure in failures)
    assert cache.get("hat", lambda: (b"now", True)).body == b"now"


def test_cache_is_limited_in_entries() -> None:
    cache = SingleFlightCache(2, 60)
    for key in "abc":
        cache.get(key, lambda: (b"first", True))

    assert cache.get("c", lambda: (b"second", True)).body == b"first"
    assert cache.get("a", lambda: (b"second", True)).body == b"second"
