"""Partial replies by `fields=`."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from gateway_flask.testing import FakeServices

ID = "0197b1c8-7a5e-7cc0-9f00-000000000001"
ITEM = {"id": ID, "slug": "mug", "title": "Mug", "brand": None, "in_stock": True}
DETAIL = {"slug": "mug", "variants": []}
PAGE = {"items": [ITEM, ITEM | {"title": "Cup"}], "page": 1, "limit": 20, "total": 2, "next_cursor": None}


def get(client: FlaskClient, path: str, **headers: str) -> Any:
    return client.get(f"/api/v1{path}", headers=headers)


def test_items_of_a_list_are_trimmed(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.list_products", PAGE)

    body = get(client, "/products?fields=title,brand&limit=20").get_json()

    assert body["data"] == [{"id": ID, "title": "Mug", "brand": None}, {"id": ID, "title": "Cup", "brand": None}]
    assert body["pagination"]["total"] == 2
    assert "fields" not in services.arguments("products.list_products")


def test_details_are_trimmed(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", ITEM | DETAIL | {"version": 3})

    assert get(client, "/products/mug?fields=title").get_json()["data"] == {"id": ID, "title": "Mug"}


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ("nonsense", ["nonsense is not a field"]),
        ("title,price.amount,x,x", ["price.amount is not a field", "x is not a field"]),
        ("", ["an empty name is not a field"]),
        ("title&fields=brand", ["was given more than once"]),
    ],
)
def test_unknown_fields_are_refused(
    client: FlaskClient, services: FakeServices, fields: str, messages: list[str]
) -> None:
    response = get(client, f"/products?fields={fields}")

    assert response.status_code == 422
    details = response.get_json()["error"]["details"]
    assert details == [{"field": "fields", "message": message} for message in messages]
    assert services.calls == []


def test_etag_of_a_part_validates_it(client: FlaskClient, services: FakeServices) -> None:
    services.answer("products.get_product", ITEM | DETAIL | {"version": 3})
    tag = get(client, "/products/mug?fields=title").headers["ETag"]

    assert get(client, "/products/mug?fields=title", **{"If-None-Match": tag}).status_code == 304
    services.answer("products.get_product", ITEM | DETAIL | {"version": 4})
    assert get(client, "/products/mug?fields=title", **{"If-None-Match": tag}).status_code == 200


def test_cached_reply_stays_whole(client: FlaskClient, services: FakeServices) -> None:
    products = [{"id": ID, "slug": "mug", "title": "Mug", "thumbnail": None}]
    services.answer("search.suggest", {"products": products, "categories": [], "queries": ["mug"]})

    part = get(client, "/search/suggest?q=mu&fields=queries").get_json()["data"]
    whole = get(client, "/search/suggest?q=mu").get_json()["data"]

    assert part == {"queries": ["mug"]}
    assert whole == {"products": products, "categories": [], "queries": ["mug"]}


def test_error_is_not_trimmed(client: FlaskClient, services: FakeServices) -> None:
    assert get(client, "/products/!!?fields=title").get_json()["error"]["code"] == "NOT_FOUND"
