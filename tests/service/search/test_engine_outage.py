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


def _took(engine: SearchEngine, work: Callable[[], object]) -> float:
    """Seconds until it is given up."""
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        engine._call(work)
    return time.monotonic() - begun


def _hangs() -> None:
    """As a socket does in a service, where waiting lets the others run."""
    eventlet.sleep(600)


def test_unreachable_engine_fails_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{nobody.getsockname()[1]}")

    with pytest.raises(ServiceUnavailable):
        engine._call(lambda: engine.store.request("GET", "/"))


def test_engine_that_hangs_repeatedly_opens_the_breaker() -> None:
    engine, requests = _engine("http://127.0.0.1:9"), []

    def hangs() -> None:
        requests.append("")
        _hangs()

    waiting = [eventlet.spawn(_took, engine, hangs) for _ in range(19)]
    assert all(each.wait() > 0.18 for each in waiting)
    assert _took(engine, hangs) > 0.18
    assert len(requests) == 20
    _took(engine, hangs)
    assert len(requests) == 20


def test_slow_engine_is_waited_for() -> None:
    engine = _engine("http://127.0.0.1:9")
    begun = time.monotonic()

    def others() -> None:
        while time.monotonic() - begun < 0.7:
            engine._call(lambda: eventlet.sleep(0.02))

    eventlet.spawn(others)

    assert engine._call(lambda: eventlet.sleep(0.5) or "late") == "late"
    assert _took(engine, _hangs) > 0.3


def test_suggestions_raise_without_engine() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{nobody.getsockname()[1]}")

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
    assert "next_cursor" not in page


def test_rejected_request_is_not_an_outage(search_store: SearchStore) -> None:
    with pytest.raises(ElasticError, match="400"):
        search_store.request("POST", f"/{search_store.indexes.live}/_search", {"query": {"nonsense": {}}})


def test_warm_up_waits_for_products(search_index: SearchIndex) -> None:
    def searches() -> int:
        stats = search_index.store.request("GET", f"/{search_index.store.indexes.live}/_stats/search")
        return int(stats["_all"]["total"]["search"]["query_total"])

    reference_data = search_index.store.reference_data.current()

    assert search_index.engine.warm_up(reference_data) is False
    before = searches()
    search_index.add("Red dress")
    search_index.store.indexes.refresh()

    assert search_index.engine.warm_up(reference_data) is True
    assert searches() - before >= 40
