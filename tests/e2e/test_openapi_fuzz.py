"""Requests generated from the OpenAPI document: each gets a declared reply, and none causes a server error."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode

from gateway_flask import testing
from gateway_flask.app import create_app
from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from tests.support.contract import check
from tests.support.shop import Client, Reply, Shop, new_key

DOCUMENT = create_app(testing.settings(), testing.FakeServices()).test_client().get("/api/v1/openapi.json").get_json()
"""The served document (see `test_system`), built here because parametrisation runs before the instance is used."""
schema = schemathesis.openapi.from_dict(DOCUMENT)


ENDS_SESSIONS = {"logout", "logout_all", "change_password"}
NEED_A_TOKEN = {"unsubscribe_page"}
CREDENTIALS_IN_BODY = {"login", "refresh", "webhook", "two_factor_login"}
"""Routes whose generated body holds the credentials, so that 401 and 403 are expected."""


@pytest.fixture(scope="module")
def privileged(shop: Shop) -> Iterator[Client]:
    """A client with all roles. Warehouses, tax rates and review rules created by the generated requests are removed."""

    def values_of(path: str, name: str) -> set[str]:
        return {row[name] for row in shop.admin("GET", path).data}

    warehouses, rates = values_of("/inventory/warehouses", "code"), values_of("/tax-rates", "id")
    yield shop.member("ADMIN", "VENDOR", "CUSTOMER")
    for code in values_of("/inventory/warehouses", "code") - warehouses:
        shop.admin("DELETE", f"/inventory/warehouses/{code}")
    for rate in values_of("/tax-rates", "id") - rates:
        shop.admin("DELETE", f"/tax-rates/{rate}")
    shop.admin("PUT", "/reviews/rules", {})


@pytest.mark.parametrize("name", ENDPOINTS)
def test_generated_requests_get_declared_replies(shop: Shop, privileged: Client, name: str) -> None:
    client = privileged if name not in ENDS_SESSIONS else shop.member("CUSTOMER")
    assert client("GET", "/auth/me").status == 200
    replies = Counter[int]()

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for response in generated(shop, client, name, mode):
            headers = CaseInsensitiveDict({name: values[0] for name, values in response.headers.items()})
            reply = Reply(response.status_code, _json(response), headers, response.content)
            exchange = (
                f"{response.request.method} {response.request.url} {response.request.headers}\n{response.text[:500]}"
            )
            assert reply.status < 500, exchange
            if reply.status in (401, 403) and response.request.headers.get("Authorization") == client.authorization:
                assert name in CREDENTIALS_IN_BODY | ENDS_SESSIONS, exchange
            check(str(response.request.method), str(response.request.path_url).removeprefix(PREFIX), reply)
            replies[reply.status] += 1

    endpoint = ENDPOINTS[name]
    if endpoint.method == "GET" and "<" not in endpoint.rule and name not in NEED_A_TOKEN:
        assert replies[200] > 0, replies


def generated(shop: Shop, client: Client, name: str, mode: GenerationMode) -> list[requests.Response]:
    """Replies to generated requests that match the document, or that violate it."""
    responses: list[requests.Response] = []

    @given(case=schema.find_operation_by_id(name).as_strategy(generation_mode=mode))
    @settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        headers = {"Authorization": client.authorization, "Idempotency-Key": new_key()}
        responses.append(case.call(base_url=shop.url, headers=headers, timeout=60))

    # Some routes have no invalid request.
    with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
        send()
    return responses


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
