"""An engine that is down, hangs or is only slow."""

import socket
import time
from collections.abc import Callable

import eventlet
import pytest

from schemas.api.search import SearchQuery
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.stores.elastic import ElasticError, open_store
from services.search.engine import Engine, degraded, plain
from services.search.store import SearchStore
from tests.service.search.conftest import Shelf


def _engine(url: str) -> Engine:
    return Engine(open_store(SearchStore, url, "nobodys"), seconds=0.2, rest_seconds=30.0)


def _took(engine: Engine, work: Callable[[], object]) -> float:
    """Seconds until it is given up."""
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        engine._ask(work)
    return time.monotonic() - begun


def _hangs() -> None:
    """As a socket does in a service, where waiting lets the others run."""
    eventlet.sleep(600)


def test_an_engine_that_is_down_is_known_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{nobody.getsockname()[1]}")

    with pytest.raises(ServiceUnavailable):
        engine._ask(lambda: engine.store.request("GET", "/"))


def test_engine_that_hung_twenty_times_is_not_asked_again() -> None:
    engine, asked = _engine("http://127.0.0.1:9"), []

    def hangs() -> None:
        asked.append("")
        _hangs()

    waiting = [eventlet.spawn(_took, engine, hangs) for _ in range(19)]
    assert all(each.wait() > 0.18 for each in waiting)
    assert _took(engine, hangs) > 0.18
    assert len(asked) == 20
    _took(engine, hangs)
    assert len(asked) == 20


def test_one_that_answers_others_is_only_busy() -> None:
    engine = _engine("http://127.0.0.1:9")
    begun = time.monotonic()

    def others() -> None:
        while time.monotonic() - begun < 0.7:
            engine._ask(lambda: eventlet.sleep(0.02))

    eventlet.spawn(others)

    assert engine._ask(lambda: eventlet.sleep(0.5) or "late") == "late"
    assert _took(engine, _hangs) > 0.3


def test_suggestions_fail_alike() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        engine = _engine(f"http://127.0.0.1:{nobody.getsockname()[1]}")

    with pytest.raises(ServiceUnavailable):
        engine.propose("mug", 5, engine.store.facts.known())


def test_what_is_known_stays_known_while_it_is_away() -> None:
    store = open_store(SearchStore, "http://127.0.0.1:9", "nobodys")

    assert ("couch",) in store.facts.known().rules.synonyms


def test_the_catalogue_is_asked_for_the_words_and_the_price() -> None:
    asked = plain(SearchQuery(q="Mugs under 20", max_price=5_000, brand="Acme", facets="brand", page=2))

    assert asked == {"q": "mugs", "max_price": 2_000, "brand": "Acme", "page": 2, "sort": "-rating"}
    page = degraded({"items": [], "page": 1, "limit": 20, "total": 0, "next_cursor": "x"})
    assert (page["degraded"], page["relaxed"], page["facets"]) == (True, False, [])
    assert "next_cursor" not in page


def test_a_refusal_is_a_bug_and_no_outage(search_store: SearchStore) -> None:
    with pytest.raises(ElasticError, match="400"):
        search_store.request("POST", f"/{search_store.indexes.live}/_search", {"query": {"nonsense": {}}})


def test_an_engine_is_warmed_up_as_soon_as_it_has_something_to_find(shelf: Shelf) -> None:
    def searches() -> int:
        counted = shelf.store.request("GET", f"/{shelf.store.indexes.live}/_stats/search")
        return int(counted["_all"]["total"]["search"]["query_total"])

    known = shelf.store.facts.known()

    assert shelf.engine.warm_up(known) is False
    before = searches()
    shelf.add("Red dress")
    shelf.store.indexes.refresh()

    assert shelf.engine.warm_up(known) is True
    assert searches() - before >= 40
