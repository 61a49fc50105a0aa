"""Proposals are asked for once and kept for a moment, whoever asks and however it is written."""

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
SOME = {"products": [], "categories": [{"slug": "mugs", "name": "Mugs"}], "queries": []}
NOTHING: dict[str, Any] = {"products": [], "categories": [], "queries": []}


def _asked(services: FakeServices) -> list[str]:
    return [arguments["q"] for name, arguments in services.calls if name == "search.suggest"]


def test_the_same_beginning_is_asked_for_once(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SOME)

    replies = [client.get(PATH, query_string={"q": q}) for q in ("mug red", "Mug  RED", " mug red ", "mugs")]

    assert [reply.get_json()["data"] for reply in replies] == [SOME] * 4
    assert _asked(services) == ["mug red", "mugs"]
    kept_by, seconds = replies[1].headers["Cache-Control"].split(", max-age=")
    assert kept_by == "public"
    assert 8 <= int(seconds) <= 10
    assert replies[0].headers["X-Request-Id"] != replies[1].headers["X-Request-Id"]


def test_what_grows_by_folding_is_still_a_beginning(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SOME)

    assert client.get(PATH, query_string={"q": "ß" * 100}).status_code == 200
    assert _asked(services) == ["s" * 100]


@pytest.mark.parametrize("answer", [NOTHING, ServiceUnavailable()])
def test_an_engine_that_is_away_is_not_remembered(client: FlaskClient, services: FakeServices, answer: Any) -> None:
    services.answer("search.suggest", answer)
    away = client.get(PATH, query_string={"q": "mug"})
    services.answer("search.suggest", SOME)

    back = client.get(PATH, query_string={"q": "mug"})

    assert away.headers["Cache-Control"] == "no-store"
    assert back.get_json()["data"] == SOME


def test_nothing_is_kept_where_the_setting_says_so(make_app: Callable[..., OpenAPI], services: FakeServices) -> None:
    services.answer("search.suggest", SOME)
    client = make_app(suggest_seconds=0).test_client()

    replies = [client.get(PATH, query_string={"q": "mug"}) for _ in range(2)]

    assert _asked(services) == ["mug", "mug"]
    assert {reply.headers["Cache-Control"] for reply in replies} == {"no-store"}


def test_a_switched_off_engine_is_obeyed_at_once(
    client: FlaskClient, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.answer("search.suggest", SOME)
    client.get(PATH, query_string={"q": "mug"})
    services.answer("search.suggest", NOTHING)

    monkeypatch.setattr(config, "enabled", lambda name, *_: name != "search_engine")

    assert client.get(PATH, query_string={"q": "mug"}).get_json()["data"] == NOTHING


def test_who_comes_while_one_asks_waits_for_that_answer() -> None:
    kept, begun, go_on, asked = SingleFlightCache(10, 60), threading.Event(), threading.Event(), []

    def ask() -> tuple[bytes, bool]:
        asked.append(1)
        begun.set()
        assert go_on.wait(60)
        return b"answer", True

    def fail() -> tuple[bytes, bool]:
        begun.set()
        assert go_on.wait(60)
        raise ServiceUnavailable

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(kept.get, "mug", ask) for _ in range(8)]
        assert begun.wait(60)
        go_on.set()
        assert {answer.result(5).body for answer in answers} == {b"answer"}
        assert len(asked) == 1
        begun.clear()
        go_on.clear()
        failures = [pool.submit(kept.get, "hat", fail) for _ in range(8)]
        assert begun.wait(60)
        go_on.set()
        assert all(isinstance(failure.exception(5), ServiceUnavailable) for failure in failures)
    assert kept.get("hat", lambda: (b"now", True)).body == b"now"


def test_so_many_answers_are_kept_and_no_more() -> None:
    kept = SingleFlightCache(2, 60)
    for key in "abc":
        kept.get(key, lambda: (b"first", True))

    assert kept.get("c", lambda: (b"second", True)).body == b"first"
    assert kept.get("a", lambda: (b"second", True)).body == b"second"
