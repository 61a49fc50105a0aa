"""Each paged list continues by cursor, in each of its sorts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from gateway_flask.openapi.endpoints import ENDPOINTS
from gateway_flask.openapi.examples import BODIES
from tests.support.files import unique_picture, upload
from tests.support.receiver import PORT
from tests.support.routes import path_of
from tests.support.shop import Client, Shop, eventually, new_key, outcome

PAGED = sorted(
    name
    for name, endpoint in ENDPOINTS.items()
    if "query" in endpoint.models and "cursor" in endpoint.models["query"].model_fields
)
LIMIT, PAGES = 2, 3
SEARCHES: list[dict[str, Any]] = [{"q": "phone"}, {"q": "phnoe"}, {"q": "phone zzzzzz"}]
"""With all words, with a typing error, by some words."""


@dataclass(frozen=True)
class Listed:
    """A list as a client reads it."""

    client: Client
    path: str
    query: dict[str, Any]

    def items(self, **query: Any) -> tuple[list[Any], str | None]:
        reply = self.client("GET", self.path, params=self.query | query)
        assert reply.status == 200, reply
        data = reply.data["items"] if isinstance(reply.data, dict) else reply.data
        return list(data), reply.body["pagination"].get("nextCursor")

    def by_cursor(self, **query: Any) -> list[Any]:
        """The items of the first pages, each by the cursor of the one before."""
        listed, cursor = self.items(limit=LIMIT, **query)
        for _ in range(PAGES - 1):
            if cursor is not None:
                more, cursor = self.items(limit=LIMIT, cursor=cursor, **query)
                listed += more
        return listed

    def is_consistent(self, **query: Any) -> bool:
        return self.by_cursor(**query) == self.items(limit=LIMIT * PAGES, **query)[0]


@pytest.fixture(scope="module")
def lists(shop: Shop) -> Callable[[str], Listed]:
    """Lists with at least three items, of the administrator or of a customer with orders."""
    buyer = shop.customer()
    sku = shop.product()
    for _ in range(3):
        assert upload(shop.admin, unique_picture()).status == 201
        assert shop.admin("POST", "/analytics/reports", BODIES["create_report"]).status == 201
        assert buyer.add(sku).status == 201
        order_key = new_key()
        assert outcome(lambda key=order_key: buyer.order(key=key)).status == 201  # type: ignore[misc]
    account = buyer("GET", "/auth/me").data["id"]
    assert eventually(lambda: len(buyer("GET", "/notifications").data) >= 3)
    queries = {"list_deliveries": {"recipient": account}}
    clients = {"list_notifications": buyer}
    parents = {"list_reviews": product_with_reviews(shop), "list_webhook_deliveries": webhook_with_deliveries(shop)}

    def listed(name: str) -> Listed:
        path = path_of(name, **({"id": parents[name]} if name in parents else {}))
        return Listed(clients.get(name, shop.admin), path, queries.get(name, {}))

    return listed


def webhook_with_deliveries(shop: Shop) -> str:
    """A subscription with four test deliveries; nobody listens at its address."""
    created = shop.admin(
        "POST", "/webhook-subscriptions", {"url": f"http://127.77.0.9:{PORT}/", "events": ["low_stock"]}
    )
    assert created.status == 201, created
    path = f"/webhook-subscriptions/{created.data['id']}/test"
    assert [shop.admin("POST", path).status for _ in range(4)] == [202] * 4
    return str(created.data["id"])


def product_with_reviews(shop: Shop) -> str:
    """A product with three imported reviews."""
    [product] = shop.guest()("GET", "/products", params={"limit": 1}).data
    reviews = [
        {"product_id": product["id"], "author": "Ada", "author_key": new_key(), "rating": rating, "text": "Sturdy."}
        | {"created_at": f"2026-01-0{rating}T00:00:00Z"}
        for rating in (1, 3, 3, 5)
    ]
    assert shop.admin("POST", "/reviews/import", {"reviews": reviews}).status == 200
    return str(product["id"])


@pytest.mark.parametrize("name", PAGED)
def test_list_continues_by_cursor(lists: Callable[[str], Listed], name: str) -> None:
    listed = lists(name)
    field = ENDPOINTS[name].models["query"].model_fields.get("sort")
    sorts = [{"sort": sort} for sort in get_args(field.annotation)] if field is not None else [{}]
    for query in [sort | words for sort in sorts for words in (SEARCHES if name == "search" else [{}])]:
        # other tests may write at the same time
        assert eventually(lambda query=query: listed.is_consistent(**query)), (query, listed.by_cursor(**query))
        assert len(listed.by_cursor(**query)) > LIMIT, query
    refused = listed.client("GET", listed.path, params=listed.query | {"cursor": "bm90IG91cnM"})
    assert (refused.status, refused.error["details"][0]["field"]) == (422, "cursor")
