"""Stock copied from inventory into products, without losing or reordering changes.

`stock` has a document per SKU: `{_id, available, sequence, touched}`. Two parties write it: the handler of
`stock_changed`, which then brings the figure to the product (where a newer sequence wins), and whoever writes a
product with SKUs that it had not before. The latter *touches* their documents in its transaction, so that the two
are in one order or the other: either the figure was there when the product was built, or the handler came after the
product was committed and finds it. Without the touch a figure could fall between: read before, brought too early.

An import announces the stock of its new SKUs. Their figure holds at once, with a sequence below inventory's first one,
so that a list, and the search index, are written once and not twice (ADR 0081).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from services.chassis.stores.mongo import only_collisions
from services.products.domain.documents import NOT_COUNTED, Document

ANNOUNCED: Final = 0
"""The sequence of a figure that an import has announced."""
FIRST: Final = 1
"""The sequence of inventory's first event of a SKU."""


class Stock:
    """The collection `stock` and its copies in `products`."""

    def __init__(self, stock: Collection[Document], products: Collection[Document]) -> None:
        self.stock = stock
        self.products = products

    def record(self, levels: Mapping[str, tuple[int, int]]) -> None:
        """Store available units and sequence by SKU unless newer ones are stored.

        A first count that is what an import has announced changes nothing: it is in the products already.
        """
        as_announced = self._announced(sku for sku, (_, sequence) in levels.items() if sequence == FIRST)
        levels = {sku: level for sku, level in levels.items() if level[0] != as_announced.get(sku)}
        if not levels:
            return
        try:
            self.stock.bulk_write([_stock_update(sku, *level) for sku, level in levels.items()], ordered=False)
        except BulkWriteError as error:  # recorded already; the product may not have it yet
            only_collisions(error)
        self.products.bulk_write([_variant_update(sku, *level) for sku, level in levels.items()], ordered=False)

    def _announced(self, skus: Iterable[str]) -> dict[str, int]:
        """The announced units of those SKUs among these that inventory has not counted yet."""
        rows = self.stock.find({"_id": {"$in": list(skus)}, "sequence": ANNOUNCED}, {"available": 1})
        return {row["_id"]: row["available"] for row in rows}

    def clear(self, session: ClientSession, skus: Iterable[str]) -> None:
        """Set the available units of a deleted product's SKUs to 0: inventory ends their stock within a second."""
        self.stock.update_many({"_id": {"$in": list(skus)}}, {"$set": {"available": 0}}, session=session)

    def facts(
        self,
        session: ClientSession,
        skus: Iterable[str],
        new: Iterable[str],
        announced: Mapping[str, int] = MappingProxyType({}),
    ) -> dict[str, tuple[int, int]]:
        """Available units and sequence by SKU; `new` are SKUs that no product had before.

        `announced`: units by SKU that the transaction asks inventory to count: they hold until its first event.
        """

        def first(sku: str) -> Document:
            available, sequence = (announced[sku], ANNOUNCED) if sku in announced else NOT_COUNTED
            return {"available": available, "sequence": sequence}

        updates = [
            UpdateOne({"_id": sku}, {"$inc": {"touched": 1}, "$setOnInsert": first(sku)}, upsert=True)
            for sku in sorted(new)
        ]
        if updates:
            self.stock.bulk_write(updates, ordered=False, session=session)
        documents = self.stock.find({"_id": {"$in": list(skus)}}, session=session)
        return {document["_id"]: (document["available"], document["sequence"]) for document in documents}


def _stock_update(sku: str, available: int, sequence: int) -> UpdateOne:
    """An upsert that collides with a stored figure that is not older."""
    older = {"_id": sku, "sequence": {"$lt": sequence}}
    return UpdateOne(older, {"$set": {"available": available, "sequence": sequence}}, upsert=True)


def _variant_update(sku: str, available: int, sequence: int) -> UpdateOne:
    """An update of one variant's figure and the fields derived from it."""
    older = {"variants.sku": sku, "stock": {"$elemMatch": {"sku": sku, "sequence": {"$lt": sequence}}}}
    if available > 0:  # the product is in stock, whatever its other variants are: half the work of a pipeline
        values = {
            "variants.$[variant].available": available,
            "variants.$[variant].in_stock": True,
            "stock.$[figure].sequence": sequence,
            "in_stock": True,
            "listing.in_stock": True,
        }
        return UpdateOne(older, {"$set": values}, array_filters=[{"variant.sku": sku}, {"figure.sku": sku}])
    is_it = {"$eq": ["$$this.sku", {"$literal": sku}]}

    def changed(array: str, values: Document) -> Document:
        merged = {"$mergeObjects": ["$$this", values]}
        return {"$map": {"input": f"${array}", "in": {"$cond": [is_it, merged, "$$this"]}}}

    stages: list[dict[str, Any]] = [
        {
            "$set": {
                "variants": changed("variants", {"available": available, "in_stock": available > 0}),
                "stock": changed("stock", {"sequence": sequence}),
            }
        },
        {"$set": {"in_stock": {"$anyElementTrue": ["$variants.in_stock"]}}},
        {"$set": {"listing.in_stock": "$in_stock"}},
    ]
    return UpdateOne(older, stages)
