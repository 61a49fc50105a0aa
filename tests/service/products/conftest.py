"""The catalogue store on the real MongoDB, with helpers for its tests."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from schemas.api.categories import CategoryWrite
from schemas.api.product_import import ImportRow
from schemas.api.products import ProductQuery, ProductWrite
from schemas.caller import Caller
from schemas.events.base import sequence_of
from services.chassis.testing import connect_mongo
from services.products.domain.documents import to_detail
from services.products.store import ProductStore
from services.products.store.bulk_import import Outcome, Row

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ADMIN = Caller(user_id="0197a000-0000-7000-8000-00000000000b", roles=["ADMIN"])
VENDOR = Caller(user_id="0197a000-0000-7000-8000-00000000000a", roles=["VENDOR"])
OTHER_VENDOR = Caller(user_id="0197a000-0000-7000-8000-00000000000c", roles=["VENDOR"])


def fields(sku: str = "MUG-1", amount: int = 1000, **values: Any) -> dict[str, Any]:
    """The fields of a product as a client sends them."""
    variant = {"sku": sku, "price": {"amount": amount, "currency": "USD"}}
    return {"title": "Mug", "status": "active", "variants": [variant], **values}


class Catalogue:
    """The product store, used as an administrator by default."""

    def __init__(self, store: ProductStore) -> None:
        self.store = store
        self._seconds = count()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=next(self._seconds))

    def create(self, caller: Caller = ADMIN, **values: Any) -> dict[str, Any]:
        product = ProductWrite.model_validate(fields(**values))
        return self.store.commands.create(product, caller, self.now(), None)

    def category(self, slug: str, parent: str | None = None) -> None:
        self.store.categories.create(CategoryWrite(name=slug.title(), slug=slug, parent=parent))

    def get(self, id_or_slug: str) -> dict[str, Any]:
        return to_detail(self.store.queries.get(id_or_slug))

    def titles(self, **query: Any) -> list[str]:
        page = self.store.queries.find(ProductQuery.model_validate(query), ["active"])
        return [item["title"] for item in page["items"]]

    def load(self, *rows: dict[str, Any], caller: Caller = ADMIN) -> list[Outcome]:
        import_rows = [Row(index, ImportRow.model_validate(row)) for index, row in enumerate(rows)]
        return self.store.bulk_import.run(import_rows, caller, self.now())

    def published_events(self) -> list[tuple[str, int | None]]:
        events = [row["event"] for row in self.store.db["outbox"].find().sort("_id")]
        return [(event["type"], sequence_of(event)) for event in events if event["source"] == "/products"]

    def imported_stock(self) -> list[list[dict[str, Any]]]:
        """The levels of each `stock_imported` event, oldest first."""
        events = self.store.db["outbox"].find({"event.type": "stock_imported"}).sort("_id")
        return [row["event"]["data"]["levels"] for row in events]


@pytest.fixture(scope="module")
def product_store() -> Iterator[ProductStore]:
    with connect_mongo("products", ProductStore) as store:
        yield store


@pytest.fixture
def catalogue(product_store: ProductStore) -> Catalogue:
    for name in ("products", "categories", "stock", "retired_skus", "outbox", "idempotency"):
        product_store.db[name].delete_many({})
    return Catalogue(product_store)
