"""Queries of products: each is one indexed query, and the stored document is the reply."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import orjson
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.cursor import Cursor

from schemas.api.products import ProductQuery
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.chassis.common.paging import Paging
from services.chassis.stores.keyset_mongo import on_page_merged, sort_of
from services.products.domain.documents import STATUSES, Document, to_detail, to_snapshot
from services.products.domain.naming import title_words
from services.products.domain.tax import rate
from services.products.store import listing
from services.products.store.tax import TaxRates

MAX_TOTALS = 1_000
"""Cached totals."""
MAX_TOTAL = 10_000
"""A filtered list is counted up to here."""
MAX_SKUS = 10_000

_DETAIL = {"listing": 1, "detail": 1, "variants": 1}
_SKUS = {"variants.sku": 1, "variants.price.amount": 1}
_SNAPSHOT = {**_DETAIL, "stock": 1, "rating_sequence": 1}
_PRICED = {
    "listing.title": 1,
    "listing.thumbnail": 1,
    "categories": {"$slice": -1},
    "detail.options.name": 1,
    "vendor_id": 1,
    "status": 1,
    "tax_class": 1,
    "variants": 1,
}


class ProductQueries:
    """The collection `products`, read."""

    def __init__(self, products: Collection[Document], tax: TaxRates, total_seconds: float) -> None:
        self.products = products
        self.tax = tax
        self._total_seconds = total_seconds
        self._totals: dict[bytes, tuple[float, int]] = {}

    def indexes(self) -> None:
        self.products.create_index("slug", unique=True, name="slug")
        self.products.create_index("variants.sku", unique=True, name="sku")
        if "external_id" in self.products.index_information():  # of before: unique over all sellers
            self.products.drop_index("external_id")
        self.products.create_index(
            [("external_id", 1), ("vendor_id", 1)],
            unique=True,
            name="external_id_of_seller",
            partialFilterExpression={"external_id": {"$exists": True}},
        )
        for name, keys in listing.indexes().items():
            self.products.create_index(keys, name=name)
        self._add_missing_words()

    def drop_retired_indexes(self) -> None:
        """Drop the indexes that only earlier versions use: they may still run while this one is being installed."""
        stored = self.products.index_information()
        for name in listing.retired_indexes():
            if name in stored:
                self.products.drop_index(name)

    def _add_missing_words(self) -> None:
        """Add title words to products stored by an earlier version."""
        unindexed = {"status": {"$in": STATUSES}, "words": {"$exists": False}}
        while documents := list(self.products.find(unindexed, {"listing.title": 1, "listing.brand": 1}).limit(1_000)):
            self.products.bulk_write(
                [
                    UpdateOne(
                        {"_id": document["_id"]},
                        {"$set": {"words": title_words(document["listing"]["title"], document["listing"]["brand"])}},
                    )
                    for document in documents
                ],
                ordered=False,
            )

    def find(
        self,
        query: ProductQuery,
        statuses: list[str],
        vendor_id: str | None = None,
        with_sku: bool = False,
        counted: bool = True,
    ) -> Document:
        """List a page of items with its total (0 unless `counted`) and the cursor of the next."""
        condition = self._condition(query, statuses, vendor_id)
        keyset, paging = listing.KEYSETS[query.sort], Paging.of(query)
        field = keyset.keys[0].field
        documents = list(self._page(query, condition, {"listing": 1, field: 1, **(_SKUS if with_sku else {})}))
        total = self._total(condition) if counted else 0
        page = keyset.page(documents, total, paging, lambda last: (last[field], last["_id"]))
        return page | {"items": [_item(document, with_sku) for document in page["items"]]}

    def explain(self, query: ProductQuery, statuses: list[str]) -> Document:
        """The plan by which the server reads a page."""
        return dict(self._page(query, self._condition(query, statuses), {"listing": 1}).explain())

    def _condition(self, query: ProductQuery, statuses: list[str], vendor_id: str | None = None) -> listing.Condition:
        """The condition of a query. The rarest word is the first: MongoDB reads all products with that one."""
        condition = listing.conditions(query, statuses, vendor_id)
        if isinstance(words := condition.get("words"), dict):
            rarest_first = sorted(
                words["$all"], key=lambda word: self._total({"status": condition["status"], "words": word})
            )
            condition["words"] = {"$all": rarest_first}
        return condition

    def _page(self, query: ProductQuery, condition: listing.Condition, fields: Document) -> Cursor[Document]:
        """The rows of a page, and one more."""
        keyset, paging = listing.KEYSETS[query.sort], Paging.of(query)
        rows = self.products.find(on_page_merged(condition, keyset, paging, "status"), fields).sort(sort_of(keyset))
        return rows.skip(paging.offset).limit(paging.fetched).hint(listing.index_for(condition, query.sort))

    def get(self, id_or_slug: str) -> Document:
        """Read a product. Raises `NotFound`."""
        document = self.products.find_one(by_id_or_slug(id_or_slug), _DETAIL)
        if document is None:
            raise NotFound("There is no such product")
        return document

    def get_many(self, ids: Sequence[str]) -> list[Document]:
        """List items of active products, in the order of `ids`."""
        documents = self.products.find({"_id": {"$in": list(ids)}, "status": "active"}, {"listing": 1})
        by_id = {document["_id"]: document["listing"] for document in documents}
        return [by_id[product_id] for product_id in ids if product_id in by_id]

    def get_details(self, ids: Sequence[str]) -> list[Document]:
        """Active products with all fields, in the order of `ids`."""
        documents = self.products.find({"_id": {"$in": list(ids)}, "status": "active"}, _DETAIL)
        by_id = {document["_id"]: to_detail(document) for document in documents}
        return [by_id[product_id] for product_id in ids if product_id in by_id]

    def snapshots(self, ids: Sequence[str]) -> list[Document]:
        """Products of every status with the versions of their parts; unknown ones are missing."""
        return [to_snapshot(document) for document in self.products.find({"_id": {"$in": list(ids)}}, _SNAPSHOT)]

    def list_snapshots(self, after: str | None, limit: int) -> Document:
        """Snapshots of the products after the id `after`."""
        condition: Document = {} if after is None else {"_id": {"$gt": after}}
        documents = list(self.products.find(condition, _SNAPSHOT).sort("_id", 1).limit(limit))
        return {
            "items": [to_snapshot(document) for document in documents],
            "next": documents[-1]["_id"] if len(documents) == limit else None,
        }

    def count(self) -> int:
        return self.products.estimated_document_count()

    def related(self, id_or_slug: str, limit: int) -> list[Document]:
        """List the best rated other products of the same category."""
        category = (self.get(id_or_slug)["listing"]["category"] or {}).get("slug")
        if category is None:
            return []
        query = ProductQuery(category=category, sort="-rating", limit=limit + 1)
        items = self.find(query, ["active"])["items"]
        return [item for item in items if id_or_slug not in (item["id"], item["slug"])][:limit]

    def price(self, skus: Sequence[str], country: str | None, region: str | None) -> dict[str, Document]:
        """Prices by SKU, in one query; unknown SKUs are missing."""
        remaining = set(skus)
        rates = self.tax.rates() if country else {}
        return {
            variant["sku"]: _priced(document, variant, rate(rates, country, region, document["tax_class"]))
            for document in self.products.find({"variants.sku": {"$in": list(remaining)}}, _PRICED)
            for variant in document["variants"]
            if variant["sku"] in remaining
        }

    def skus_of(self, vendor_id: str) -> list[str]:
        """The SKUs of a vendor's products in any status, up to `MAX_SKUS`."""
        condition = listing.conditions(ProductQuery(), STATUSES, vendor_id)
        index = listing.index_for(condition, "title")
        documents = self.products.find(condition, {"_id": 0, "variants.sku": 1}).hint(index)
        skus = (variant["sku"] for document in documents for variant in document["variants"])
        return list(islice(skus, MAX_SKUS))

    def clear_totals(self) -> None:
        """Drop cached totals after a write of this process."""
        self._totals.clear()

    def _total(self, condition: dict[str, Any]) -> int:
        """The number of items, of a filtered list up to `MAX_TOTAL`, counted on an index.

        Cached for a moment; that of all products for longer, so that counting takes a tenth of the time at most.
        """
        key = orjson.dumps(condition)
        cached = self._totals.get(key)
        begun = time.monotonic()
        if cached and begun < cached[0]:
            return cached[1]
        is_filtered = len(condition) > 1
        options: dict[str, Any] = {"limit": MAX_TOTAL} if is_filtered else {}
        total = self.products.count_documents(condition, hint=listing.index_to_count(condition), **options)
        if len(self._totals) >= MAX_TOTALS:
            self._totals.clear()
        now = time.monotonic()
        seconds = self._total_seconds
        if seconds and not is_filtered:
            seconds = max(seconds, 10 * (now - begun))
        self._totals[key] = (now + seconds, total)
        return total


def _item(document: Document, with_sku: bool) -> Document:
    item: Document = document["listing"]
    if not with_sku:
        return item
    cheapest = min(document["variants"], key=lambda variant: int(variant["price"]["amount"]))
    return {**item, "sku": cheapest["sku"]}


def by_id_or_slug(id_or_slug: str) -> Document:
    """The condition for a product by id or slug."""
    return {"_id": id_or_slug.lower()} if is_id(id_or_slug) else {"slug": id_or_slug}


def _priced(document: Document, variant: Document, tax_rate_bp: int) -> Document:
    title = document["listing"]["title"]
    categories = document["categories"]
    return {
        "sku": variant["sku"],
        "product_id": document["_id"],
        "title": f"{title} – {variant['title']}" if document["detail"]["options"] else title,
        "thumbnail": document["listing"]["thumbnail"],
        "unit_price": variant["price"]["amount"],
        "currency": variant["price"]["currency"],
        "weight_g": variant["weight_g"],
        "available": variant["available"],
        "active": document["status"] == "active",
        "tax_rate_bp": tax_rate_bp,
        "category": categories[-1] if categories else None,
        "vendor_id": document["vendor_id"],
    }
