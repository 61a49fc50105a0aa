"""The address book over HTTP."""

from typing import Any

import pytest

from tests.support.shop import ADDRESS, Client, Shop

PATH = "/users/me/addresses"


@pytest.fixture
def customer(shop: Shop) -> Client:
    return shop.customer()


def test_address_is_created_updated_and_deleted(customer: Client) -> None:
    created = customer("POST", PATH, ADDRESS | {"label": "Home"})
    path = f"{PATH}/{created.data['id']}"

    replaced = customer("PUT", path, {**ADDRESS, "name": "Grace Hopper", "region": None})
    listed = customer("GET", PATH)
    removed = customer("DELETE", path)

    assert created.status == 201
    assert (created.data["label"], created.data["city"]) == ("Home", "Springfield")
    assert (replaced.data["name"], replaced.data["region"], replaced.data["label"]) == ("Grace Hopper", None, None)
    assert listed.data == [replaced.data]
    assert (removed.status, removed.data) == (200, None)
    for again in (customer("GET", path), customer("DELETE", path), customer("PUT", path, ADDRESS)):
        assert (again.status, again.code) == (404, "NOT_FOUND")
    assert customer("GET", PATH).data == []


@pytest.mark.parametrize("kind", ["is_default_shipping", "is_default_billing"])
def test_new_default_address_replaces_the_old_one(customer: Client, kind: str) -> None:
    first = customer("POST", PATH, ADDRESS | {kind: True}).data["id"]
    second = customer("POST", PATH, ADDRESS | {kind: True}).data["id"]

    defaults = {entry["id"]: entry[kind] for entry in customer("GET", PATH).data}
    assert (defaults[first], defaults[second]) == (False, True)
    customer("PUT", f"{PATH}/{first}", ADDRESS | {kind: True})

    defaults = {entry["id"]: entry[kind] for entry in customer("GET", PATH).data}
    assert (defaults[first], defaults[second]) == (True, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "USA"),
        ("country", "us"),
        ("country", ""),
        ("country", "U1"),
        ("postal_code", ""),
        ("postal_code", "9" * 21),
        ("name", "  "),
        ("line1", "two\nlines"),
        ("city", "x" * 201),
        ("phone", "1" * 41),
        ("is_default_shipping", "yes"),
        ("id", "mine"),
    ],
)
def test_invalid_address_is_refused_by_field(customer: Client, field: str, value: Any) -> None:
    refused = customer("POST", PATH, ADDRESS | {field: value})

    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    assert [detail["field"] for detail in refused.error["details"]] == [field]
    assert customer("GET", PATH).data == []
