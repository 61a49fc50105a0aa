"""An index of the test's own on the real engine, and the few words that its tests are told in."""

from collections.abc import Iterator
from typing import Any

import pytest
from nameko.testing.services import worker_factory

from schemas.api.search import SearchQuery
from schemas.events.inventory import StockChanged
from services.chassis.common.ids import new_id
from services.chassis.messaging.envelopes import envelope
from services.chassis.testing import connect_elastic
from services.search.domain.tree import plant
from services.search.engine import Engine
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


class Shelf:
    """The store, with products as the catalogue would tell them."""

    def __init__(self, store: SearchStore, seconds: float = 5.0) -> None:
        self.store = store
        self.engine = Engine(store, seconds, 60.0)
        self.tree = plant(tree_rows())
        store.facts.set_categories(tree_rows(), 1)

    def snapshot(self, title: str, **values: Any) -> dict[str, Any]:
        product_id = values.pop("id", None) or new_id()
        amount, skus = values.pop("price", 1_000), values.pop("skus", None) or [f"SKU-{product_id[-6:]}"]
        node = self.tree.by_slug.get(values.pop("category", ""))
        stock = values.pop("stock", {})
        price = {"amount": amount, "currency": "USD"}
        return {
            "id": product_id, "version": 1, "status": "active", "title": title, "slug": f"p-{product_id}",
            "category": node and node.to_reference(), "thumbnail": None, "tags": [], "options": [], "attributes": {},
            "category_names": [step.name for step in self.tree.path(node)] if node else [],
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
        self.store.indexing.products(snapshots, {})

    def add(self, title: str, **values: Any) -> str:
        made = self.snapshot(title, **values)
        self.put(made)
        return str(made["id"])

    def search(self, q: str = "", **values: Any) -> dict[str, Any]:
        self.store.indexes.refresh()
        self.store.facts.refresh()
        return self.engine.search(SearchQuery.model_validate({"q": q, **values}), self.store.facts.known())

    def titles(self, q: str = "", **values: Any) -> list[str]:
        return [item["title"] for item in self.search(q, **values)["items"]]

    def document(self, product_id: str) -> dict[str, Any] | None:
        path = f"/{self.store.indexes.live}/_doc/{product_id}"
        found: dict[str, Any] | None = self.store.request("GET", path, allow=(404,)).get("_source")
        return found

    def counted(self, sku: str, sequence: int, available: int, delta: int, reason: str = "adjusted") -> None:
        """Inventory says so, and the service hears it."""
        said = {"on_hand": available, "reserved": 0, "available": available, "delta": delta, "reason": reason}
        wrapped = envelope(StockChanged.model_validate({"sku": sku, **said}), sequence)
        worker_factory(SearchService, backend=self).index_stock([StockChanged.from_envelope(wrapped)])

    def in_stock(self, product_id: str) -> bool:
        return bool((self.document(product_id) or {}).get("in_stock"))


@pytest.fixture(scope="module")
def search_store() -> Iterator[SearchStore]:
    with connect_elastic("search", SearchStore) as store:
        yield store


@pytest.fixture
def shelf(search_store: SearchStore) -> Shelf:
    for name in (search_store.indexes.live, search_store.indexes.levels):
        search_store.indexes.refresh(name)
        path = f"/{name}/_delete_by_query?refresh=true&conflicts=proceed"
        search_store.request("POST", path, {"query": {"match_all": {}}})
    search_store.request("DELETE", f"/{search_store.indexes.facts}")  # versions of deleted documents would stay
    search_store.prepare()
    search_store.facts._versions = None
    return Shelf(search_store)
