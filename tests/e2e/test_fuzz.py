"""Requests generated from the OpenAPI document, as each role: `make fuzz` without its limits."""

from collections.abc import Iterator

import pytest

from gateway_flask.openapi.endpoints import ENDPOINTS
from tests.fuzz.callers import ALL_ROLES
from tests.fuzz.calls import PATHS
from tests.fuzz.run import Fuzz
from tests.support.shop import Shop

NEED_A_TOKEN = {"unsubscribe_page"}


@pytest.fixture(scope="module")
def fuzz(shop: Shop) -> Iterator[Fuzz]:
    """One round over all routes. What it sets for the whole shop is set back."""

    def values_of(path: str, name: str) -> set[str]:
        return {row[name] for row in shop.admin("GET", path).data}

    warehouses, rates = values_of("/inventory/warehouses", "code"), values_of("/tax-rates", "id")
    fuzz = Fuzz(shop)
    fuzz.prepare()
    for _name in fuzz.round(ALL_ROLES, set(PATHS), invalid_share=0.1, everything=False):
        pass
    yield fuzz
    for code in values_of("/inventory/warehouses", "code") - warehouses:
        shop.admin("DELETE", f"/inventory/warehouses/{code}")
    for rate in values_of("/tax-rates", "id") - rates:
        shop.admin("DELETE", f"/tax-rates/{rate}")
    shop.admin("PUT", "/reviews/rules", {})


def test_every_reply_to_generated_requests_is_declared(fuzz: Fuzz) -> None:
    assert fuzz.tally.failures == []


def test_every_route_is_called_and_half_of_calls_succeed(fuzz: Fuzz) -> None:
    assert [name for name in PATHS if not fuzz.tally.statuses[name]] == []
    assert fuzz.tally.successes >= fuzz.tally.calls / 2


def test_every_list_succeeds_at_least_once(fuzz: Fuzz) -> None:
    plain = {name for name, row in ENDPOINTS.items() if row.method == "GET" and "<" not in row.rule} - NEED_A_TOKEN

    assert [name for name in sorted(plain) if 200 not in fuzz.tally.statuses[name]] == []
