"""Every route that takes a body, with everything wrong in it that can be: one clear error each time, and no change."""

from typing import Any

import pytest

from gateway_flask.middleware.authentication import Who
from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from tests.support.bodies import GOOD, ID, spoiled
from tests.support.bystander import Bystander
from tests.support.shop import Client, Shop, new_key

TAKING = [name for name in GOOD if name != "import_products"]
"""Rows of an import are judged one by one: see test_import."""
ENDS_SESSIONS = {"logout", "refresh"}


def path_of(name: str, bystander: Bystander) -> str:
    """Where the route is, with the bystander's own things in its path."""
    area = name.rpartition("_")[2]
    ids = {"product": bystander.product_id, "payment": bystander.payment_id, "address": bystander.address_id}
    ids |= {"order": bystander.order_id, "status": bystander.order_id}
    rule = ENDPOINTS[name].rule.removeprefix(PREFIX).replace("<string:", "{").replace("<path:", "{").replace(">", "}")
    things = {"sku": bystander.sku, "slug": "no-such-category", "code": "main", "number": "UP1"}
    things |= {"name": "test_bad", "key": "inventory.low_stock_threshold", "kind": "order_shipped"}
    return rule.format(id=ids.get(area, ID), **things)


def client_for(name: str, bystander: Bystander) -> Client:
    """Who may use the route, and has something to lose by it."""
    who = ENDPOINTS[name].who
    if who in (Who.ADMIN, Who.VENDOR):
        return bystander.shop.admin
    return bystander.shop.guest() if who is Who.ANYONE or name in ENDS_SESSIONS else bystander.client


@pytest.mark.parametrize("name", TAKING)
def test_each_wrong_field_is_named_and_nothing_changes(unchanged: Bystander, name: str) -> None:
    client, path, method = client_for(name, unchanged), path_of(name, unchanged), ENDPOINTS[name].method
    if name == "logout":
        client = unchanged.shop.customer()
    refused = 0

    for field, body in spoiled(GOOD[name]):
        if name == "track_events" and field.startswith("events."):
            continue  # each event is judged by itself: see `test_analytics.py`
        reply = client(method, path, body, key=new_key())

        assert (reply.status, reply.code) == (422, "VALIDATION_ERROR"), (field, body, reply.body)
        named = [detail["field"] for detail in reply.error["details"]]
        assert any(found == field or found.startswith((f"{field}.", f"{field}[")) for found in named), (field, named)
        refused += 1

    assert refused > len(GOOD[name])


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b"not json", "application/json", 400, "BAD_REQUEST"),
        (b'{"a": NaN}', "application/json", 400, "BAD_REQUEST"),
        (b'{"a": "\xff"}', "application/json", 400, "BAD_REQUEST"),
        (b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "application/json", 400, "BAD_REQUEST"),
        (b"[]", "application/json", 422, "VALIDATION_ERROR"),
        (b"null", "application/json", 422, "VALIDATION_ERROR"),
        (b'"text"', "application/json", 422, "VALIDATION_ERROR"),
        (b'{"\\u0000": 1}', "application/json", 422, "VALIDATION_ERROR"),
        (b"a=1", "application/x-www-form-urlencoded", 400, "BAD_REQUEST"),
        (b"{}", "text/plain", 400, "BAD_REQUEST"),
        (b"{}", "application/json; charset=utf-16", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)  # fmt: skip
def test_what_is_no_body_of_ours_is_refused(
    bystander: Bystander, name: str, data: bytes, kind: str, status: int, code: str
) -> None:
    client = client_for(name, bystander) if name != "logout" else bystander.client

    reply = client(
        ENDPOINTS[name].method, path_of(name, bystander), data=data, key=new_key(), headers={"Content-Type": kind}
    )

    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(
    "quantity", [0, -1, 10_001, 10**18, 2**64, 10**40, 1.0, 1.5, 1e308, "1", "", None, True, [], {}, [1]]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_quantity_is_a_whole_number_of_units(unchanged: Bystander, method: str, quantity: Any) -> None:
    path, body = "/cart/items", {"sku": unchanged.sku, "quantity": quantity}
    if method == "PATCH":
        path, body = f"/cart/items/{unchanged.sku}", {"quantity": quantity}

    reply = unchanged.client(method, path, body)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in reply.error["details"]] == ["quantity"]


def test_a_product_with_a_name_as_long_as_a_book_is_refused(shop: Shop) -> None:
    price = {"amount": 1, "currency": "USD"}
    body = {"title": "x" * 10_000, "status": "active", "variants": [{"sku": "LONG-NAME", "price": price}]}

    reply = shop.admin("POST", "/products", body)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")
    assert reply.error["details"] == [{"field": "title", "message": "String should have at most 200 characters"}]
