"""The `levels` collection: each method is one read, or a conditional update of each SKU's document.

An update of several SKUs is one round trip, but atomic only for each SKU.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from schemas.events.base import Event
from schemas.events.inventory import BackInStock, LowStock, StockChanged, StockCommitted, StockReason
from services.inventory.domain import Allocation, Line, Stock, Take
from services.inventory.store import pipelines

Document = dict[str, Any]


@dataclass(frozen=True)
class Hold:
    """Common fields of the holds of one execution. `fence`: the revision of the reservation at which the token may
    be named; 0 for a token that is named when the reservation is inserted.
    """

    order_id: str
    token: str
    until: datetime
    fence: int = 0

    def of(self, quantity: int) -> Document:
        return vars(self) | {"quantity": quantity}


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
        self.levels.create_index("warehouses.warehouse", name="warehouses")
        self.levels.create_index(
            [("available", 1), ("_id", 1)], partialFilterExpression={"low": True}, name="running_low"
        )

    def hold_in_one(self, line: Line, hold: Hold) -> Allocation | None:
        """Hold a line in the first warehouse that has it all; None when no single one has."""
        moves, holds = pipelines.holding(hold.of(line.quantity), None)
        level = self.levels.find_one_and_update(
            {"_id": line.sku, "warehouses.available": {"$gte": line.quantity}},
            self.change(line.sku, moves, holds, "reserved", hold.order_id),
            projection={"_id": 0, "holds": {"$elemMatch": {"token": hold.token}}},
            return_document=ReturnDocument.AFTER,
        )
        return Allocation(line.sku, to_takes(level["holds"][0]["takes"])) if level else None

    def stocks(self, sku: str) -> list[Stock]:
        """Available units by warehouse, by priority; empty for an unknown SKU."""
        level = self.levels.find_one({"_id": sku}, {"warehouses": 1}) or {"warehouses": []}
        return [Stock(entry["warehouse"], entry["available"]) for entry in level["warehouses"]]

    def hold_in(self, allocation: Allocation, hold: Hold) -> bool:
        """Hold a line in the given warehouses; False when one of them no longer has its part."""
        moves, holds = pipelines.holding(hold.of(allocation.quantity), [vars(take) for take in allocation.takes])
        parts = [
            {"$elemMatch": {"warehouse": take.warehouse, "available": {"$gte": take.quantity}}}
            for take in allocation.takes
        ]
        held = self.levels.update_one(
            {"_id": allocation.sku, "warehouses": {"$all": parts}},
            self.change(allocation.sku, moves, holds, "reserved", hold.order_id),
        )
        return held.modified_count > 0

    def is_held(self, sku: str, order_id: str) -> bool:
        """Whether the SKU is held for this order, under any token."""
        return self.levels.find_one({"_id": sku, "holds.order_id": order_id}, {"_id": 1}) is not None

    def held_skus(self, order_id: str) -> list[str]:
        """SKUs that are held for the order, under any token."""
        return [level["_id"] for level in self.levels.find({"holds.order_id": order_id}, {"_id": 1})]

    def held_orders(self, order_ids: Sequence[str]) -> set[str]:
        """The orders among these that still have a hold."""
        return set(self.levels.distinct("holds.order_id", {"holds.order_id": {"$in": list(order_ids)}}))

    def free(self, skus: Iterable[str], order_id: str, token: str, reason: StockReason = "released") -> None:
        """Free the holds with this token."""
        moves, holds = pipelines.freeing(pipelines.with_token(order_id, token))
        self._each(
            ({"_id": sku, "holds.token": token}, self.change(sku, moves, holds, reason, order_id)) for sku in skus
        )

    def free_fenced_before(self, skus: Iterable[str], order_id: str, fence: int) -> None:
        """Free those holds of the order that have a lower fence."""
        moves, holds = pipelines.freeing(pipelines.fenced_before(order_id, fence))
        lower = {"$elemMatch": {"order_id": order_id, "fence": {"$lt": fence}}}
        self._each(({"_id": sku, "holds": lower}, self.change(sku, moves, holds, "released", order_id)) for sku in skus)

    def free_all(self, skus: Iterable[str], order_id: str) -> None:
        """Free all holds of the order."""
        moves, holds = pipelines.freeing(pipelines.of_order(order_id))
        self._each(
            ({"_id": sku, "holds.order_id": order_id}, self.change(sku, moves, holds, "released", order_id))
            for sku in skus
        )

    def sell(self, skus: Iterable[str], order_id: str, token: str) -> None:
        """Deduct what the token holds from the stock; other holds of the order are freed."""
        self.sell_all((sku, order_id, token) for sku in skus)

    def sell_all(self, lines: Iterable[tuple[str, str, str]]) -> None:
        """`sell` for (SKU, order id, token)s, in one round trip."""
        self._each(
            ({"_id": sku, "holds.order_id": order_id}, self._selling(sku, order_id, token))
            for sku, order_id, token in lines
        )

    def extend(self, skus: Iterable[str], order_id: str, token: str, until: datetime) -> None:
        """Prolong the holds with this token."""
        mine: list[Mapping[str, Any]] = [{"hold.order_id": order_id, "hold.token": token}]
        updates = [
            UpdateOne({"_id": sku, "holds.token": token}, {"$set": {"holds.$[hold].until": until}}, array_filters=mine)
            for sku in skus
        ]
        if updates:
            self.levels.bulk_write(updates, ordered=False)

    def return_units(self, back: Allocation, order_id: str, token: str, session: ClientSession) -> None:
        """Return sold units to stock; what the token still holds is deducted first."""
        moves, holds = pipelines.returning(order_id, token, [vars(take) for take in back.takes])
        self.levels.update_one(
            {"_id": back.sku}, self.change(back.sku, moves, holds, "released", order_id), session=session
        )

    def stale_holds(self, now: datetime, limit: int) -> list[tuple[str, Document]]:
        """SKU and hold of those whose time is over."""
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
        return self._change(sku, moves, holds, event)

    def _selling(self, sku: str, order_id: str, token: str) -> pipelines.Stages:
        event = StockCommitted(sku=sku, on_hand=0, reserved=0, available=0, order_id=order_id)
        return self._change(sku, *pipelines.selling(order_id, token), event)

    def _change(
        self,
        sku: str,
        moves: pipelines.Expression,
        holds: pipelines.Expression,
        event: StockChanged | StockCommitted,
    ) -> pipelines.Stages:
        low = LowStock(sku=sku, available=0, threshold=0)
        back = BackInStock(sku=sku, available=0)
        return pipelines.change(moves, holds, self._pending(event), self._pending(low), self._pending(back))

    def _each(self, changes: Iterable[tuple[Document, pipelines.Stages]]) -> None:
        """Run updates in one round trip; each is atomic and conditional by itself."""
        updates = [UpdateOne(condition, stages) for condition, stages in changes]
        if updates:
            self.levels.bulk_write(updates, ordered=False)


def to_takes(documents: Iterable[Document]) -> tuple[Take, ...]:
    return tuple(Take(take["warehouse"], take["quantity"]) for take in documents)
