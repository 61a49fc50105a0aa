"""Search suggestions are cached by normalised query."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from gateway_flask.testing import FakeServices
from services.chassis.common.errors import ServiceUnavailable

PATH = "/api/v1/search/suggest"
SUGGESTIONS = {"products": [], "categories": [{"slug": "mugs", "name": "Mugs"}], "queries": []}
NO_SUGGESTIONS: dict[str, Any] = {"products": [], "categories": [], "queries": []}


@pytest.fixture
def client(make_caching_app: Callable[..., OpenAPI]) -> FlaskClient:
    return make_caching_app().test_client()


def _called_queries(services: FakeServices) -> list[str]:
    return [arguments["q"] for name, arguments in services.calls if name == "search.suggest"]


def test_equivalent_prefixes_are_one_call(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SUGGESTIONS)

    replies = [client.get(PATH, query_string={"q": q}) for q in ("mug red", "Mug  RED", " mug red ", "mugs")]

    assert [reply.get_json()["data"] for reply in replies] == [SUGGESTIONS] * 4
    assert _called_queries(services) == ["mug red", "mugs"]
    assert replies[0].headers["X-Request-Id"] != replies[1].headers["X-Request-Id"]


def test_prefix_is_cut_after_case_folding(client: FlaskClient, services: FakeServices) -> None:
    services.answer("search.suggest", SUGGESTIONS)

    assert client.get(PATH, query_string={"q": "ß" * 100}).status_code == 200
    assert _called_queries(services) == ["s" * 100]


@pytest.mark.parametrize("answer", [NO_SUGGESTIONS, ServiceUnavailable()])
def test_reply_of_an_unavailable_engine_is_not_cached(client: FlaskClient, services: FakeServices, answer: Any) -> None:
    services.answer("search.suggest", answer)
    client.get(PATH, query_string={"q": "mug"})
    services.answer("search.suggest", SUGGESTIONS)

    assert client.get(PATH, query_string={"q": "mug"}).get_json()["data"] == SUGGESTIONS
