"""A separate index on real Elasticsearch, and helpers to fill and search it."""

from collections.abc import Iterator
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.search import SearchQuery
from schemas.events.inventory import StockChanged
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.testing import connect_elastic
from services.search.domain.categories import build_tree
from services.search.engine.client import SearchEngine
from services.search.service import SearchService
from services.search.store import SearchStore

CATEGORIES = [
    ("home", "Home", None),
    ("lamps", "Lamps", "home"),
    ("laptops", "Laptops", None),
    ("shoes", "Shoes", None),
    ("dresses", "Dresses", None),
    ("sunglasses", "Sunglasses", None),
]


def tree_rows() -> list[dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {
        slug: {
            "id": f"0197a000-0000-7000-8000-{number:012d}",
            "slug": slug,
            "name": name,
            "parent": parent,
            "children": [],
        }
        for number, (slug, name, parent) in enumerate(CATEGORIES)
    }
    for row in rows.values():
        if row["parent"]:
            rows[row["parent"]]["children"].append(row)
    return [row for row in rows.values() if row["parent"] is None]


class SearchIndex:
    """The search store filled with product snapshots."""

    def __init__(self, store: SearchStore, seconds: float = 5.0) -> None:
        self.store = store
        self.engine = SearchEngine(store, seconds, 60.0)
        self.tree = build_tree(tree_rows())
        store.reference_data.set_categories(tree_rows(), 1)

    def snapshot(self, title: str, **values: Any) -> dict[str, Any]:
        product_id = values.pop("id", None) or new_id()
        amount, skus = values.pop("price", 1_000), values.pop("skus", None) or [f"SKU-{product_id[-6:]}"]
        category = self.tree.by_slug.get(values.pop("category", ""))
        stock = values.pop("stock", {})
        price = {"amount": amount, "currency": "USD"}
        return {
            "id": product_id, "version": 1, "status": "active", "title": title, "slug": f"p-{product_id}",
            "category": category and category.to_reference(), "thumbnail": None,
            "tags": [], "options": [], "attributes": {},
            "category_names": [step.name for step in self.tree.path(category)] if category else [],
            "brand": None, "description": "", "vendor_id": None, "created_at": "2026-01-01T00:00:00Z",
            "rating": {"average": 0.0, "count": 0}, "rating_sequence": 0,
            "variants": [{"sku": sku, "price": price, "compare_at_price": None} for sku in skus],
            "stock": [
                {"sku": sku, "available": stock.get(sku, (0, -1))[0], "sequence": stock.get(sku, (0, -1))[1]}
                for sku in skus
            ],
            **values,
        }  # fmt: skip

    def put(self, *snapshots: dict[str, Any]) -> None:
        self.store.writer.products(snapshots, {})

    def add(self, title: str, **values: Any) -> str:
        snapshot = self.snapshot(title, **values)
        self.put(snapshot)
        return str(snapshot["id"])

    def search(self, q: str = "", **values: Any) -> dict[str, Any]:
        self.store.indexes.refresh()
        self.store.reference_data.refresh()
        return self.engine.search(SearchQuery.model_validate({"q": q, **values}), self.store.reference_data.current())

    def titles(self, q: str = "", **values: Any) -> list[str]:
        return [item["title"] for item in self.search(q, **values)["items"]]

    def document(self, product_id: str) -> dict[str, Any] | None:
        path = f"/{self.store.indexes.live}/_doc/{product_id}"
        document: dict[str, Any] | None = self.store.request("GET", path, allow=(404,)).get("_source")
        return document

    def change_stock(self, sku: str, sequence: int, available: int, delta: int, reason: str = "adjusted") -> None:
        """Pass a `stock_changed` event to the service."""
        level = {"on_hand": available, "reserved": 0, "available": available, "delta": delta, "reason": reason}
        message = envelope(StockChanged.model_validate({"sku": sku, **level}), sequence)
        worker_factory(SearchService, backend=self).index_stock([StockChanged.from_envelope(message)])

    def in_stock(self, product_id: str) -> bool:
        return bool((self.document(product_id) or {}).get("in_stock"))


@pytest.fixture(scope="module")
def search_store() -> Iterator[SearchStore]:
    with connect_elastic("search", SearchStore) as store:
        yield store


@pytest.fixture
def search_index(search_store: SearchStore) -> SearchIndex:
    for name in (search_store.indexes.live, search_store.indexes.levels):
        search_store.indexes.refresh(name)
        path = f"/{name}/_delete_by_query?refresh=true&conflicts=proceed"
        search_store.request("POST", path, {"query": {"match_all": {}}})
    search_store.request(
        "DELETE", f"/{search_store.indexes.reference_data}"
    )  # the versions of deleted documents would remain
    search_store.prepare()
    search_store.reference_data._versions = None
    return SearchIndex(search_store)
