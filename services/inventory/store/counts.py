"""Reading and manual changes of levels: adjustments, first counts, low stock."""

from collections.abc import Callable, Collection, Mapping, Sequence

from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from schemas.events.base import Event, sequence_text
from schemas.events.inventory import StockChanged
from services.chassis.common.errors import NotFound, OutOfStock
from services.chassis.common.paging import ASCENDING, Keyset, Paging, SortKey
from services.chassis.observability import audit_records
from services.chassis.stores.keyset_mongo import on_page, sort_of
from services.chassis.stores.mongo import only_collisions
from services.inventory.store import pipelines
from services.inventory.store.levels import Document, Levels

COUNTED = {"low_stock_threshold": {"$exists": True}}
"""The condition for a level whose SKU has a stock record."""
ENDED = {"low_stock_threshold": {"$exists": False}}
"""The condition for a level that has ended: it keeps its version, so that a later count is newer."""
LOW = Keyset("low-stock", (SortKey("available", ASCENDING, "integer"), SortKey("_id", ASCENDING, "text")))
_READ = dict.fromkeys(("on_hand", "reserved", "available", "warehouses", "low_stock_threshold", "threshold_version"), 1)


class Counts:
    """The collection `levels`, without its reservations."""

    def __init__(self, levels: Levels, pending: Callable[[Event], Document]) -> None:
        self._levels = levels
        self.levels = levels.levels
        self._pending = pending

    def adjust(
        self,
        sku: str,
        delta: int,
        note: str,
        warehouse: Document,
        threshold: int,
        session: ClientSession | None = None,
        product_id: str | None = None,
    ) -> Document:
        """Change the units on hand of a warehouse. Raises `OutOfStock` below what is reserved.

        `product_id`: the product whose SKU it is now; stock of another product that had the SKU before is ended.
        """
        if product_id is not None:
            self.end_of_others({sku: product_id}, session)
        stages, moves = pipelines.counting(warehouse, delta, threshold, product_id)
        condition: Document = {"_id": sku}
        if delta < 0:
            condition["warehouses"] = {"$elemMatch": {"warehouse": warehouse["_id"], "available": {"$gte": -delta}}}
        after = self.levels.find_one_and_update(
            condition,
            stages + self._levels.change(sku, moves, "$holds", "adjusted", note=note),
            projection=_READ,
            upsert=delta > 0,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            level = self.levels.find_one({"_id": sku}, {"warehouses": 1}, session=session)
            entries = level["warehouses"] if level else []
            available = next((entry["available"] for entry in entries if entry["warehouse"] == warehouse["_id"]), 0)
            raise OutOfStock.of(sku, -delta, available)
        return to_level(after)

    def set_threshold(self, sku: str, threshold: int, session: ClientSession) -> tuple[Document, Document]:
        """Set the threshold; the level before and after. `low_stock` is said of falls only. Raises `NotFound`."""
        before = self.levels.find_one({"_id": sku, **COUNTED}, _READ, session=session)
        if before is None:
            raise NotFound(f"There is no stock record of {sku}")
        values = {"low_stock_threshold": threshold, "low": {"$lte": ["$available", threshold]}}
        values["threshold_version"] = {"$add": [{"$ifNull": ["$threshold_version", 0]}, 1]}
        after = self.levels.find_one_and_update(
            {"_id": sku, **COUNTED},
            [{"$set": values}],
            projection=_READ,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert after is not None
        return to_level(before), to_level(after)

    def set_initial(self, counts: Sequence[Document], session: ClientSession | None = None) -> int:
        """Create missing levels (`{sku, on_hand, warehouse, threshold, product_id}`); returns how many were created.

        In a transaction a level that is created concurrently raises `BulkWriteError`, for that ends the transaction.
        """
        by_sku = {count["sku"]: count for count in counts}
        stored = {
            level["_id"] for level in self.levels.find({"_id": {"$in": list(by_sku)}}, {"_id": 1}, session=session)
        }
        created = self._create([count for sku, count in by_sku.items() if sku not in stored], session)
        existing = [count for sku, count in by_sku.items() if sku in stored]
        products = {count["sku"]: count["product_id"] for count in existing if count["product_id"] is not None}
        self.end_of_others(products, session)
        return created + self._restart(existing, session)

    def _create(self, counts: Sequence[Document], session: ClientSession | None) -> int:
        """Insert levels; returns how many, without those that a concurrent call has created."""
        if not counts:
            return 0
        levels = [{"_id": count["sku"], **self._new_level(**count)} for count in counts]
        try:
            return len(self.levels.insert_many(levels, ordered=False, session=session).inserted_ids)
        except BulkWriteError as error:
            if session is not None:
                raise
            only_collisions(error)
            return int(error.details["nInserted"])

    def _restart(self, counts: Sequence[Document], session: ClientSession | None) -> int:
        """Set the first count of SKUs whose level had ended; returns how many there were."""
        updates = []
        for count in counts:
            sku, on_hand = count["sku"], count["on_hand"]
            stages, moves = pipelines.counting(count["warehouse"], on_hand, count["threshold"], count["product_id"])
            changes = stages + self._levels.change(sku, moves, "$holds", "initial")
            updates.append(UpdateOne({"_id": sku, **ENDED}, changes))
        return self.levels.bulk_write(updates, ordered=False, session=session).modified_count if updates else 0

    def end(self, product_id: str, skus: Sequence[str], taken: Collection[str]) -> None:
        """End the stock of a deleted product's SKUs: no unit is available, and there is no record to read.

        What orders have reserved stays reserved. Idempotent; a later count starts the level again. A level of which no
        product is recorded is ended as well, unless its SKU is `taken` by another product.
        """
        owners = {sku: [product_id] if sku in taken else [product_id, None] for sku in skus}
        self._end({sku: {"$in": products} for sku, products in owners.items()})

    def end_of_others(self, products: Mapping[str, str], session: ClientSession | None = None) -> None:
        """End the stock of other products that had these SKUs before: `products` has the product of each SKU now."""
        conditions = {sku: {"$exists": True, "$nin": [product_id, None]} for sku, product_id in products.items()}
        self._end(conditions, session)

    def _end(self, products: Mapping[str, Document], session: ClientSession | None = None) -> None:
        """End the stock of SKUs whose level's product meets the condition."""
        updates = [
            UpdateOne(
                {"_id": sku, "product_id": condition, **COUNTED},
                [
                    {"$unset": ["low_stock_threshold", "product_id"]},
                    pipelines.add_to_counted({"$multiply": ["$available", -1]}),
                    *self._levels.change(sku, pipelines.all_available(), "$holds", "adjusted", note="product deleted"),
                ],
            )
            for sku, condition in products.items()
        ]
        if updates:
            self.levels.bulk_write(updates, ordered=False, session=session)

    def _new_level(
        self, sku: str, on_hand: int, warehouse: Document, threshold: int, product_id: str | None
    ) -> Document:
        event = StockChanged(sku=sku, on_hand=on_hand, reserved=0, available=on_hand, reason="initial", delta=on_hand)
        return {
            "warehouses": [
                {
                    "warehouse": warehouse["_id"],
                    "priority": warehouse["priority"],
                    "on_hand": on_hand,
                    "reserved": 0,
                    "available": on_hand,
                }
            ],
            "on_hand": on_hand,
            "reserved": 0,
            "available": on_hand,
            "counted": on_hand,
            "low": on_hand <= threshold,
            "low_stock_threshold": threshold,
            **({"product_id": product_id} if product_id else {}),
            "holds": [],
            "version": 1,
            "outbox": [
                self._pending(event) | {"sequence": sequence_text(1)},
                self._pending(audit_records.record("stock.set", ("sku", sku), None, {"on_hand": on_hand})),
            ],
        }

    def reprioritise(self, warehouse: str, priority: int, session: ClientSession) -> None:
        """Reorder a warehouse's entries in every level after a change of its priority."""
        entry = {
            "$cond": [
                {"$eq": ["$$this.warehouse", {"$literal": warehouse}]},
                {"$mergeObjects": ["$$this", {"priority": priority}]},
                "$$this",
            ]
        }
        moved = pipelines.in_order({"$map": {"input": "$warehouses", "in": entry}})
        self.levels.update_many({"warehouses.warehouse": warehouse}, [{"$set": {"warehouses": moved}}], session=session)

    def has_stock_in(self, warehouse: str) -> bool:
        level = self.levels.find_one({"warehouses": {"$elemMatch": {"warehouse": warehouse, "on_hand": {"$gt": 0}}}})
        return level is not None

    def get(self, sku: str) -> Document:
        level = self.levels.find_one({"_id": sku, **COUNTED}, _READ)
        if level is None:
            raise NotFound(f"There is no stock record of {sku}")
        return to_level(level)

    def get_many(self, skus: Sequence[str]) -> dict[str, Document]:
        levels = self.levels.find({"_id": {"$in": list(skus)}, **COUNTED}, _READ)
        return {level["_id"]: to_level(level) for level in levels}

    def list_low(self, paging: Paging, skus: Sequence[str] | None = None) -> Document:
        """SKUs at or below their threshold (of `skus`, or of all), the scarcest first."""
        condition: Document = {"low": True}
        if skus is not None:
            condition["_id"] = {"$in": list(skus)}
        low = (
            self.levels.find(on_page(condition, LOW, paging), {"available": 1, "low_stock_threshold": 1})
            .sort(sort_of(LOW))
            .hint("running_low")
        )
        total = self.levels.count_documents(condition, hint="running_low")
        rows = list(low.skip(paging.offset).limit(paging.fetched))
        page = LOW.page(rows, total, paging, lambda last: (last["available"], last["_id"]))
        items = [
            {
                "sku": level["_id"],
                "available": level["available"],
                "low_stock_threshold": level["low_stock_threshold"],
            }
            for level in page["items"]
        ]
        return page | {"items": items}


def to_level(level: Document) -> Document:
    """A level as an API resource."""
    return {
        "sku": level["_id"],
        "on_hand": level["on_hand"],
        "reserved": level["reserved"],
        "available": level["available"],
        "warehouses": [
            {name: entry[name] for name in ("warehouse", "on_hand", "reserved", "available")}
            for entry in level["warehouses"]
        ],
        "low_stock_threshold": level["low_stock_threshold"],
        "version": int(level.get("threshold_version", 0)) + 1,
    }
