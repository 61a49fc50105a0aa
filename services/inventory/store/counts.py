"""Levels as people see and correct them: reading, counting, first counts."""

from collections.abc import Callable, Sequence

from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from schemas.events.base import Event
from schemas.events.inventory import StockChanged
from services.chassis.common.errors import NotFound, OutOfStock
from services.chassis.common.paging import Paging, page
from services.chassis.observability import audit_records
from services.chassis.stores.mongo import only_collisions
from services.inventory.store import pipelines
from services.inventory.store.levels import Document, Levels

_READ = {"on_hand": 1, "reserved": 1, "available": 1, "warehouses": 1, "low_stock_threshold": 1}


class Counts:
    """The `levels` collection without its holds."""

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
    ) -> Document:
        """Correct what a warehouse has on hand. Raises `OutOfStock` rather than take away what is held for orders."""
        stages, moves = pipelines.counting(warehouse, delta, threshold)
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
            there = next((entry["available"] for entry in entries if entry["warehouse"] == warehouse["_id"]), 0)
            raise OutOfStock.of(sku, -delta, there)
        return to_level(after)

    def set_initial(self, counts: Sequence[Document]) -> int:
        """Make the levels that don't exist yet (`{sku, on_hand, warehouse, threshold}`); how many were made."""
        creations = [
            UpdateOne({"_id": count["sku"]}, {"$setOnInsert": self._new_level(**count)}, upsert=True)
            for count in counts
        ]
        try:
            return self.levels.bulk_write(creations, ordered=False).upserted_count
        except BulkWriteError as refused:  # two made the same one at the same moment: one of them did
            only_collisions(refused)
            return int(refused.details["nUpserted"])

    def _new_level(self, sku: str, on_hand: int, warehouse: Document, threshold: int) -> Document:
        said = StockChanged(sku=sku, on_hand=on_hand, reserved=0, available=on_hand, reason="initial", delta=on_hand)
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
            "low": on_hand <= threshold,
            "low_stock_threshold": threshold,
            "holds": [],
            "version": 1,
            "outbox": [
                self._pending(said) | {"sequence": 1},
                self._pending(audit_records.record("stock.set", ("sku", sku), None, {"on_hand": on_hand})),
            ],
        }

    def reprioritise(self, warehouse: str, priority: int, session: ClientSession) -> None:
        """Bring a warehouse's entries to their new place in every level."""
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
        found = self.levels.find_one({"warehouses": {"$elemMatch": {"warehouse": warehouse, "on_hand": {"$gt": 0}}}})
        return found is not None

    def get(self, sku: str) -> Document:
        level = self.levels.find_one({"_id": sku}, _READ)
        if level is None:
            raise NotFound(f"There is no stock record of {sku}")
        return to_level(level)

    def get_many(self, skus: Sequence[str]) -> dict[str, Document]:
        return {level["_id"]: to_level(level) for level in self.levels.find({"_id": {"$in": list(skus)}}, _READ)}

    def list_low(self, paging: Paging, skus: Sequence[str] | None = None) -> Document:
        """What is at its threshold or below (of `skus`, or of all), the scarcest first."""
        wanted: Document = {"low": True}
        if skus is not None:
            wanted["_id"] = {"$in": list(skus)}
        low = (
            self.levels.find(wanted, {"available": 1, "low_stock_threshold": 1})
            .sort([("available", 1), ("_id", 1)])
            .hint("running_low")
        )
        items = [
            {
                "sku": level["_id"],
                "available": level["available"],
                "low_stock_threshold": level["low_stock_threshold"],
            }
            for level in low.skip(paging.offset).limit(paging.limit)
        ]
        return page(items, self.levels.count_documents(wanted, hint="running_low"), paging)


def to_level(level: Document) -> Document:
    """A level as the API says it."""
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
    }
