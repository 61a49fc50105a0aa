"""The search engine unreachable, hanging or slow."""

import socket
import time
from collections.abc import Callable

import eventlet
import pytest

from schemas.api.search import SearchQuery
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, open_store
from services.search.domain.fallback import catalogue_query, degraded_reply
from services.search.engine.client import SearchEngine
from services.search.store import SearchStore
from tests.service.search.conftest import SearchIndex


def _engine(url: str) -> SearchEngine:
    return SearchEngine(open_store(SearchStore, url, "nobodys"), seconds=0.2, rest_seconds=30.0)


def _seconds_until_failure(engine: SearchEngine, call: Callable[[], object]) -> float:
    """Seconds until the call is given up."""
    started = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        engine._call(call)
    return time.monotonic() - started


def _hang() -> None:
    """Wait as a socket does in a service, where other green threads run meanwhile."""
    eventlet.sleep(600)


def test_unreachable_engine_fails_at_once() -> None:
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{socket_.getsockname()[1]}")

    with pytest.raises(ServiceUnavailable):
        engine._call(lambda: engine.store.request("GET", "/"))


def test_engine_that_hangs_repeatedly_opens_the_breaker() -> None:
    engine, requests = _engine("http://127.0.0.1:9"), []

    def hanging_request() -> None:
        requests.append("")
        _hang()

    failures = [eventlet.spawn(_seconds_until_failure, engine, hanging_request) for _ in range(19)]
    assert all(failure.wait() > 0.18 for failure in failures)
    assert _seconds_until_failure(engine, hanging_request) > 0.18
    assert len(requests) == 20
    _seconds_until_failure(engine, hanging_request)
    assert len(requests) == 20


def test_slow_engine_is_waited_for() -> None:
    engine = _engine("http://127.0.0.1:9")
    started = time.monotonic()

    def other_calls() -> None:
        while time.monotonic() - started < 0.7:
            engine._call(lambda: eventlet.sleep(0.02))

    eventlet.spawn(other_calls)

    assert engine._call(lambda: eventlet.sleep(0.5) or "late") == "late"
    assert _seconds_until_failure(engine, _hang) > 0.3


def test_suggestions_raise_without_engine() -> None:
    with socket.socket() as socket_:
        socket_.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{socket_.getsockname()[1]}")

    with pytest.raises(ServiceUnavailable):
        engine.suggest_products("mug", 5, engine.store.reference_data.current())


def test_reference_data_survives_engine_outage() -> None:
    store = open_store(SearchStore, "http://127.0.0.1:9", "nobodys")

    assert ("couch",) in store.reference_data.current().rules.synonyms


def test_catalogue_query_has_words_and_price() -> None:
    query = catalogue_query(SearchQuery(q="Mugs under 20", max_price=5_000, brand="Acme", facets="brand", page=2))

    assert query == {"q": "mugs", "max_price": 2_000, "brand": "Acme", "page": 2, "sort": "-rating"}
    page = degraded_reply({"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": "x"})
    assert (page["degraded"], page["relaxed"], page["facets"]) == (True, False, [])
    assert page["next_cursor"] == "x"


def test_rejected_request_is_not_an_outage(search_store: SearchStore) -> None:
    with pytest.raises(ElasticError, match="400"):
        search_store.request("POST", f"/{search_store.indexes.live}/_search", {"query": {"nonsense": {}}})


def test_warm_up_waits_for_products(search_index: SearchIndex) -> None:
    def search_count() -> int:
        stats = search_index.store.request("GET", f"/{search_index.store.indexes.live}/_stats/search")
        return int(stats["_all"]["total"]["search"]["query_total"])

    reference_data = search_index.store.reference_data.current()

    assert search_index.engine.warm_up(reference_data) is False
    before = search_count()
    search_index.add("Red dress")
    search_index.store.indexes.refresh()

    assert search_index.engine.warm_up(reference_data) is True
    assert search_count() - before >= 40
