"""Requests made up from the document: whatever comes, we never fail."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from gateway_flask import testing
from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS
from tests.support.shop import Client, Shop, new_key

DOCUMENT = create_app(testing.settings(), testing.FakeServices()).test_client().get("/api/v1/openapi.json").get_json()
"""The one that is served (`test_system`), had before there is an instance to ask."""
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def everybody(shop: Shop) -> Iterator[Client]:
    """Somebody who may do anything, and whom nobody misses. What would get in others' way is taken back."""

    def named(path: str, name: str) -> set[str]:
        return {row[name] for row in shop.admin("GET", path).data}

    warehouses, rates = named("/inventory/warehouses", "code"), named("/tax-rates", "id")
    yield shop.member("ADMIN", "VENDOR", "CUSTOMER")
    for code in named("/inventory/warehouses", "code") - warehouses:
        shop.admin("DELETE", f"/inventory/warehouses/{code}")
    for rate in named("/tax-rates", "id") - rates:
        shop.admin("DELETE", f"/tax-rates/{rate}")
    shop.admin("PUT", "/reviews/rules", {})


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfit"])
def test_no_request_makes_us_fail(shop: Shop, everybody: Client, name: str, mode: GenerationMode) -> None:
    operation = schema.find_operation_by_id(name)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        headers = {"Authorization": f"Bearer {everybody.token}", "Idempotency-Key": new_key()}
        response = case.call(base_url=shop.url, headers=headers, timeout=20)
        assert response.status_code < 500, f"{case.as_curl_command()}\n{response.text}"

    with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):  # in some nothing can be wrong
        ask()
