"""The `levels` collection: each method is one conditional update of one SKU's document."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from schemas.events.base import Event
from schemas.events.inventory import BackInStock, LowStock, StockChanged, StockReason
from services.chassis.common.errors import ServiceUnavailable
from services.inventory.domain import Line, Stock, allocate
from services.inventory.store import pipelines

Document = dict[str, Any]
Takes = list[dict[str, Any]]
ALLOCATION_ATTEMPTS = 50


@dataclass(frozen=True)
class HeldLine:
    """A reserved line and the warehouses that it is taken from."""

    line: Line
    takes: Takes

    def to_document(self) -> Document:
        return {"sku": self.line.sku, "quantity": self.line.quantity, "takes": self.takes}


class Levels:
    """The stock of each SKU. `pending` wraps an event for the document's outbox."""

    def __init__(self, collection: Collection[Document], pending: Callable[[Event], Document]) -> None:
        self.levels = collection
        self._pending = pending

    def indexes(self) -> None:
        for field in ("order_id", "until"):
            self.levels.create_index(
                f"holds.{field}", partialFilterExpression={f"holds.{field}": {"$exists": True}}, name=f"holds_{field}"
            )
        self.levels.create_index(
            [("available", 1), ("_id", 1)], partialFilterExpression={"low": True}, name="running_low"
        )

    def hold(self, line: Line, order_id: str, token: str, until: datetime) -> HeldLine:
        """Reserve a line: one round trip when one warehouse has it all. Raises `OutOfStock`."""
        hold = {"token": token, "order_id": order_id, "quantity": line.quantity, "until": until}
        moves, holds = pipelines.holding(hold, None)
        held = self.levels.find_one_and_update(
            {"_id": line.sku, "warehouses.available": {"$gte": line.quantity}},
            self.change(line.sku, moves, holds, "reserved", order_id),
            projection={"_id": 0, "holds": {"$elemMatch": {"token": token}}},
            return_document=ReturnDocument.AFTER,
        )
        if held:
            return HeldLine(line, held["holds"][0]["takes"])
        return self._hold_from_several(line, hold)

    def _hold_from_several(self, line: Line, hold: Document) -> HeldLine:
        """Reserve from several warehouses, chosen from what was read; conditional on each still having its part."""
        for _ in range(ALLOCATION_ATTEMPTS):
            level = self.levels.find_one({"_id": line.sku}, {"warehouses": 1}) or {"warehouses": []}
            stocks = [Stock(entry["warehouse"], entry["available"]) for entry in level["warehouses"]]
            takes = [vars(take) for take in allocate(line.sku, line.quantity, stocks)]
            moves, holds = pipelines.holding(hold, takes)
            parts = [
                {"$elemMatch": {"warehouse": take["warehouse"], "available": {"$gte": take["quantity"]}}}
                for take in takes
            ]
            held = self.levels.update_one(
                {"_id": line.sku, "warehouses": {"$all": parts}},
                self.change(line.sku, moves, holds, "reserved", hold["order_id"]),
            )
            if held.modified_count:
                return HeldLine(line, takes)
        raise ServiceUnavailable(f"{line.sku} is in too much demand at the moment")

    def is_held(self, sku: str, order_id: str) -> bool:
        """Whether the SKU is reserved for this order."""
        return self.levels.find_one({"_id": sku, "holds.order_id": order_id}, {"_id": 1}) is not None

    def free(self, skus: Iterable[str], order_id: str, token: str, reason: StockReason = "released") -> None:
        """Free the reservations with this token."""
        moves, holds = pipelines.ending(order_id, sold=None, freed=token)
        self._each(
            ({"_id": sku, "holds.token": token}, self.change(sku, moves, holds, reason, order_id)) for sku in skus
        )

    def free_all(self, order_id: str) -> None:
        """Free all reservations of the order."""
        skus = [level["_id"] for level in self.levels.find({"holds.order_id": order_id}, {"_id": 1})]
        moves, holds = pipelines.ending(order_id, sold=None)
        self._each(
            ({"_id": sku, "holds.order_id": order_id}, self.change(sku, moves, holds, "released", order_id))
            for sku in skus
        )

    def sell(self, skus: Iterable[str], order_id: str, token: str) -> None:
        """Deduct what the token reserves from the stock; other reservations of the order are freed."""
        moves, holds = pipelines.ending(order_id, sold=token)
        self._each(
            ({"_id": sku, "holds.order_id": order_id}, self.change(sku, moves, holds, "committed", order_id))
            for sku in skus
        )

    def return_units(self, session: ClientSession, line: Document, order_id: str, token: str) -> None:
        """Return a sold line to stock, or free its reservation if it was not deducted yet."""
        moves, holds = pipelines.returning(order_id, token, line["takes"])
        self.levels.update_one(
            {"_id": line["sku"]}, self.change(line["sku"], moves, holds, "released", order_id), session=session
        )

    def stale_holds(self, now: datetime, limit: int) -> list[tuple[str, Document]]:
        """SKU and reservation of those that have expired."""
        levels = self.levels.find({"holds.until": {"$lte": now}}, {"holds": 1}).limit(limit)
        return [(level["_id"], hold) for level in levels for hold in level["holds"] if hold["until"] <= now]

    def change(
        self,
        sku: str,
        moves: pipelines.Expression,
        holds: pipelines.Expression,
        reason: StockReason,
        order_id: str | None = None,
        note: str | None = None,
    ) -> pipelines.Stages:
        """An update of a level that records its events."""
        event = StockChanged(sku=sku, on_hand=0, reserved=0, available=0, reason=reason, order_id=order_id, note=note)
        low = LowStock(sku=sku, available=0, threshold=0)
        back = BackInStock(sku=sku, available=0)
        return pipelines.change(moves, holds, self._pending(event), self._pending(low), self._pending(back))

    def _each(self, changes: Iterable[tuple[Document, pipelines.Stages]]) -> None:
        """Run updates in one round trip; each is atomic and conditional by itself."""
        updates = [UpdateOne(condition, stages) for condition, stages in changes]
        if updates:
            self.levels.bulk_write(updates, ordered=False)
