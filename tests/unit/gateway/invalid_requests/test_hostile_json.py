"""Hostile JSON on each way in: REST, GraphQL by POST and GET, WebSocket. One parser reads them all."""

import pytest
from flask.testing import FlaskClient

from gateway_flask.http import json_documents
from gateway_flask.subscriptions.socket import _parsed, _Refused
from gateway_flask.testing import FakeServices

JSON = "application/json"
REPEATED = {
    "a field": b'{"sku": "A", "sku": "B"}',
    "an equal value": b'{"sku": "A", "sku": "A"}',
    "another spelling": b'{"sku": "A", "\\u0073ku": "B"}',
    "below": b'{"sku": {"of": [{"a": 1, "a": 2}]}}',
}
UNREADABLE = {
    "endless": b'{"sku": Infinity}',
    "not a number": b'{"sku": NaN}',
    "surrogate": b'{"sku": "\\ud800"}',
    "cut": b'{"sku": ',
    "two documents": b'{"sku": "A"}{"sku": "B"}',
    "byte order mark": b'\xef\xbb\xbf{"sku": "A"}',
    "deep": b'{"sku": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "digits": b'{"sku": ' + b"9" * 1_000_000 + b"}",
    "comment": b'{"sku": "A" /* B */}',
    "single quotes": b"{'sku': 'A'}",
}
BEYOND_64_BITS = {"exponent": b"1e400", "integer": b"9223372036854775808", "negative": b"-1e300"}


@pytest.mark.parametrize("raw", [*REPEATED.values(), *UNREADABLE.values()], ids=[*REPEATED, *UNREADABLE])
def test_json_is_refused_on_each_way_in(client: FlaskClient, services: FakeServices, raw: bytes) -> None:
    rest = client.post("/api/v1/cart/items", data=raw, content_type=JSON)
    posted = client.post("/graphql", data=b'{"query": "{ __typename }", "variables": ' + raw + b"}", content_type=JSON)
    with pytest.raises(_Refused, match="not JSON"):
        _parsed(b'{"type": "subscribe", "payload": ' + raw + b"}")

    assert (rest.status_code, rest.get_json()["error"]["code"]) == (400, "BAD_REQUEST")
    assert (posted.status_code, posted.get_json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert services.calls == []


@pytest.mark.parametrize("raw", REPEATED.values(), ids=REPEATED)
def test_repeated_field_of_variables_in_url_is_refused(client: FlaskClient, raw: bytes) -> None:
    reply = client.get("/graphql", query_string={"query": "{ __typename }", "variables": raw.decode()})

    assert (reply.status_code, reply.get_json()["errors"][0]["extensions"]["code"]) == (422, "VALIDATION_ERROR")


def test_repeated_field_is_named(client: FlaskClient) -> None:
    reply = client.post("/api/v1/auth/login", data=b'{"email": "a", "email": "b"}', content_type=JSON)

    assert 'duplicate key "email"' in reply.get_json()["error"]["message"]


@pytest.mark.parametrize("number", BEYOND_64_BITS.values(), ids=BEYOND_64_BITS)
def test_number_beyond_64_bits_is_refused_by_graphql(client: FlaskClient, number: bytes) -> None:
    body = b'{"query": "{ __typename }", "variables": {"first": ' + number + b"}}"
    reply = client.post("/graphql", data=body, content_type=JSON)
    with pytest.raises(_Refused, match="64 bits"):
        _parsed(b'{"type": "subscribe", "payload": {"first": ' + number + b"}}")

    error = reply.get_json()["errors"][0]
    assert (reply.status_code, error["extensions"]["code"]) == (422, "VALIDATION_ERROR")
    assert error["extensions"]["details"][0]["field"] == "variables.first"


def test_ordinary_documents_are_read_exactly() -> None:
    raw = '{"a": [1, -0.5, 1e3, 9223372036854775807, "ü\\n\\ud83d\\ude00", null, true, {"a": {"a": 1}}]}'.encode()

    assert json_documents.parse(raw) == {"a": [1, -0.5, 1000.0, 2**63 - 1, "ü\n😀", None, True, {"a": {"a": 1}}]}
