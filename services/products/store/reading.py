"""Reading products: each question is one indexed query, and what is stored is the reply."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import orjson
from pymongo import UpdateOne
from pymongo.collection import Collection

from schemas.api.products import ProductQuery
from services.chassis.common.errors import NotFound
from services.chassis.common.ids import is_id
from services.products.domain import listing
from services.products.domain.documents import Document, to_snapshot
from services.products.domain.naming import title_words
from services.products.domain.tax import rate
from services.products.store.tax import TaxRates

MAX_TOTALS = 1_000
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


class Reading:
    """The `products` collection as customers see it."""

    def __init__(self, products: Collection[Document], tax: TaxRates, total_seconds: float) -> None:
        self.products = products
        self.tax = tax
        self._total_seconds = total_seconds
        self._totals: dict[bytes, tuple[float, int]] = {}

    def indexes(self) -> None:
        self.products.create_index("slug", unique=True, name="slug")
        self.products.create_index("variants.sku", unique=True, name="sku")
        self.products.create_index("external_id", unique=True, sparse=True, name="external_id")
        for name, keys in listing.indexes().items():
            self.products.create_index(keys, name=name)
        self._find_words()

    def _find_words(self) -> None:
        """Of products that were stored before titles could be searched."""
        without = {"status": {"$in": listing.STATUSES}, "words": {"$exists": False}}
        while found := list(self.products.find(without, {"listing.title": 1, "listing.brand": 1}).limit(1_000)):
            self.products.bulk_write(
                [
                    UpdateOne(
                        {"_id": each["_id"]},
                        {"$set": {"words": title_words(each["listing"]["title"], each["listing"]["brand"])}},
                    )
                    for each in found
                ],
                ordered=False,
            )

    def find(
        self, query: ProductQuery, statuses: list[str], vendor_id: str | None = None, with_sku: bool = False
    ) -> Document:
        """One page of list items, its total and the cursor of the next."""
        condition = listing.conditions(query, statuses, vendor_id)
        field, direction = listing.SORTS[query.sort]
        index = listing.index_for(condition, query.sort)
        wanted = {"$and": [condition, listing.after_cursor(query.cursor, query.sort)]} if query.cursor else condition
        found = list(
            self.products.find(wanted, {"listing": 1, field: 1, **(_SKUS if with_sku else {})})
            .sort([(field, direction), ("_id", direction)])
            .skip(0 if query.cursor else (query.page - 1) * query.limit)
            .limit(query.limit + 1)
            .hint(index)
        )
        more = len(found) > query.limit
        return {
            "items": [_item(document, with_sku) for document in found[: query.limit]],
            "page": query.page,
            "limit": query.limit,
            "total": self._total(condition, index),
            "next_cursor": listing.cursor_after(found[query.limit - 1], query.sort) if more else None,
        }

    def get(self, id_or_slug: str) -> Document:
        """One stored product. Raises `NotFound`."""
        found = self.products.find_one(which(id_or_slug), _DETAIL)
        if found is None:
            raise NotFound("There is no such product")
        return found

    def get_many(self, ids: Sequence[str]) -> list[Document]:
        """The list items of those that are active, in the order of `ids`."""
        found = self.products.find({"_id": {"$in": list(ids)}, "status": "active"}, {"listing": 1})
        by_id = {document["_id"]: document["listing"] for document in found}
        return [by_id[product_id] for product_id in ids if product_id in by_id]

    def snapshots(self, ids: Sequence[str]) -> list[Document]:
        """Products of every status with the versions of their parts; unknown ones are missing."""
        return [to_snapshot(found) for found in self.products.find({"_id": {"$in": list(ids)}}, _SNAPSHOT)]

    def list_snapshots(self, after: str | None, limit: int) -> Document:
        """Those that follow `after` by their ids."""
        condition: Document = {} if after is None else {"_id": {"$gt": after}}
        found = list(self.products.find(condition, _SNAPSHOT).sort("_id", 1).limit(limit))
        return {
            "items": [to_snapshot(each) for each in found],
            "next": found[-1]["_id"] if len(found) == limit else None,
        }

    def count(self) -> int:
        return self.products.estimated_document_count()

    def related(self, id_or_slug: str, limit: int) -> list[Document]:
        """The best rated others of the same category."""
        category = (self.get(id_or_slug)["listing"]["category"] or {}).get("slug")
        if category is None:
            return []
        query = ProductQuery(category=category, sort="-rating", limit=limit + 1)
        items = self.find(query, ["active"])["items"]
        return [item for item in items if id_or_slug not in (item["id"], item["slug"])][:limit]

    def price(self, skus: Sequence[str], country: str | None, region: str | None) -> dict[str, Document]:
        """What a cart needs to know of each SKU, in one query; unknown ones are missing."""
        wanted = set(skus)
        rates = self.tax.rates() if country else {}
        return {
            variant["sku"]: _priced(document, variant, rate(rates, country, region, document["tax_class"]))
            for document in self.products.find({"variants.sku": {"$in": list(wanted)}}, _PRICED)
            for variant in document["variants"]
            if variant["sku"] in wanted
        }

    def skus_of(self, vendor_id: str) -> list[str]:
        """The SKUs of a vendor's products, whatever their status, up to `MAX_SKUS`."""
        condition = listing.conditions(ProductQuery(), listing.STATUSES, vendor_id)
        index = listing.index_for(condition, "title")
        found = self.products.find(condition, {"_id": 0, "variants.sku": 1}).hint(index)
        skus = (variant["sku"] for document in found for variant in document["variants"])
        return list(islice(skus, MAX_SKUS))

    def forget_totals(self) -> None:
        """What we have just written ourselves counts at once."""
        self._totals.clear()

    def _total(self, condition: dict[str, Any], index: str) -> int:
        """How many there are, counted on the index that lists them; remembered for a moment."""
        key = orjson.dumps(condition)
        remembered = self._totals.get(key)
        now = time.monotonic()
        if remembered and now < remembered[0]:
            return remembered[1]
        total = self.products.count_documents(condition, hint=index)
        if len(self._totals) >= MAX_TOTALS:
            self._totals.clear()
        self._totals[key] = (now + self._total_seconds, total)
        return total


def _item(document: Document, with_sku: bool) -> Document:
    item: Document = document["listing"]
    if not with_sku:
        return item
    cheapest = min(document["variants"], key=lambda variant: int(variant["price"]["amount"]))
    return {**item, "sku": cheapest["sku"]}


def which(id_or_slug: str) -> Document:
    """The condition that finds one product by its id or its slug."""
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
