"""The inventory store on the real MongoDB, with helpers for its tests."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.chassis.common.ids import new_id
from services.chassis.testing import connect_mongo
from services.inventory.domain import Line
from services.inventory.store import InventoryStore
from services.inventory.store.expiry import SWEEP_LIMIT

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=15)
LATER = NOW + timedelta(minutes=16)


class Shop:
    """The inventory store with a fixed clock at `NOW`."""

    def __init__(self, store: InventoryStore) -> None:
        self.store = store

    def stock(self, warehouse: str | None = None, **skus: int) -> None:
        for sku, units in skus.items():
            self.store.adjust(sku, units, "delivery", warehouse, 5, None)

    def reserve(self, order_id: str, **skus: int) -> dict[str, Any]:
        lines = [Line(sku, quantity) for sku, quantity in skus.items()]
        return self.store.reservations.reserve(order_id, lines, NOW, UNTIL)

    def commit(self, order_id: str, at: datetime = NOW) -> dict[str, Any]:
        return self.store.reservations.commit(order_id, at, at + timedelta(minutes=15))

    def release(self, order_id: str) -> dict[str, Any]:
        return self.store.reservations.release(order_id, NOW)

    def return_lines(self, order_id: str, return_id: str, **skus: int) -> dict[str, Any]:
        lines = [Line(sku, quantity) for sku, quantity in skus.items()]
        return self.store.returns.return_lines(order_id, return_id, lines, NOW)

    def sweep(self, at: datetime = LATER) -> int:
        """Sweep, with orders' answer that no overdue order lives; returns how many were overdue."""
        overdue = [reservation["_id"] for reservation in self.store.decisions.overdue(at, SWEEP_LIMIT)]
        for order_id in overdue:
            self.store.expiry.expire(order_id, at)
        self.store.expiry.end_stale_holds(at)
        return len(overdue)

    def level(self, sku: str) -> tuple[int, int, int]:
        """(on hand, reserved, available) of a SKU, after checking its invariants."""
        self.check(sku)
        level = self.store.counts.get(sku)
        return level["on_hand"], level["reserved"], level["available"]

    def published_events(self, sku: str) -> list[tuple[str, Any]]:
        """(type, reason or available quantity) of the events in the level's outbox."""
        document = self.store.db["levels"].find_one({"_id": sku}) or {}
        own_events = [event for event in document["outbox"] if event["source"] == "/inventory"]
        return [(event["type"], event["data"].get("reason", event["data"]["available"])) for event in own_events]

    def check(self, sku: str) -> None:
        """Check the invariants of a level."""
        level = self.store.db["levels"].find_one({"_id": sku}) or {}
        for field in ("on_hand", "reserved", "available"):
            assert level[field] == sum(entry[field] for entry in level["warehouses"])
            assert all(entry[field] >= 0 for entry in level["warehouses"])
        assert level["available"] == level["on_hand"] - level["reserved"]
        assert level["reserved"] == sum(hold["quantity"] for hold in level["holds"])
        assert all(hold["quantity"] == sum(take["quantity"] for take in hold["takes"]) for hold in level["holds"])
        sequences = [e["sequence"] for e in level["outbox"] if e["type"] == "stock_changed"]
        assert sequences == sorted(set(sequences))


@pytest.fixture(scope="module")
def inventory_store() -> Iterator[InventoryStore]:
    with connect_mongo("inventory", InventoryStore) as store:
        yield store


@pytest.fixture
def shop(inventory_store: InventoryStore) -> Shop:
    for name in ("levels", "reservations", "idempotency"):
        inventory_store.db[name].delete_many({})
    inventory_store.db["warehouses"].delete_many({"_id": {"$ne": "main"}})
    return Shop(inventory_store)


@pytest.fixture
def order() -> Callable[[], str]:
    return new_id
