"""Requests generated from the OpenAPI document, as each role: `make fuzz` without its limits."""

from collections.abc import Iterator

import pytest

from gateway_flask.openapi.endpoints import ENDPOINTS
from tests.fuzz import chains, graphql
from tests.fuzz.callers import ALL_ROLES, API_KEY
from tests.fuzz.calls import PATHS
from tests.fuzz.run import Fuzz
from tests.fuzz.tally import Tally
from tests.support.shop import Shop

NEED_A_TOKEN = {"unsubscribe_page"}


@pytest.fixture(scope="module")
def fuzz(shop: Shop) -> Iterator[Fuzz]:
    """One round over all routes. What it sets for the whole shop is set back."""

    def values_of(path: str, name: str) -> set[str]:
        return {row[name] for row in shop.admin("GET", path).data}

    lists = {"/inventory/warehouses": "code", "/tax-rates": "id", "/webhook-subscriptions": "id"}
    before = {path: values_of(path, name) for path, name in lists.items()}
    fuzz = Fuzz(shop)
    fuzz.prepare()
    for _name in fuzz.round(ALL_ROLES, set(PATHS), invalid_share=0.1, everything=False):
        pass
    yield fuzz
    for path, name in lists.items():
        for value in values_of(path, name) - before[path]:
            shop.admin("DELETE", f"{path}/{value}")
    shop.admin("PUT", "/reviews/rules", {})


def test_every_reply_to_generated_requests_is_declared(fuzz: Fuzz) -> None:
    assert fuzz.tally.failures == []


def test_chains_of_requests_get_declared_replies(shop: Shop) -> None:
    tally = Tally()
    for role in ("CUSTOMER", API_KEY):
        chains.run(shop, role, tally, start=0, scenarios=5)

    assert tally.failures == []
    assert tally.successes > 0


def test_generated_graphql_documents_have_no_internal_error(shop: Shop, fuzz: Fuzz) -> None:
    tally = Tally()
    for role in ("ANONYMOUS", "CUSTOMER"):
        graphql.run(shop, role, fuzz.shared, tally, start=0, number=20)

    assert tally.failures == []
    assert tally.successes >= tally.calls / 2


def test_every_route_is_called_and_half_of_calls_succeed(fuzz: Fuzz) -> None:
    assert [name for name in PATHS if not fuzz.tally.statuses[name]] == []
    assert fuzz.tally.successes >= fuzz.tally.calls / 2


def test_every_list_succeeds_at_least_once(fuzz: Fuzz) -> None:
    plain = {name for name, row in ENDPOINTS.items() if row.method == "GET" and "<" not in row.rule} - NEED_A_TOKEN

    assert [name for name in sorted(plain) if 200 not in fuzz.tally.statuses[name]] == []
