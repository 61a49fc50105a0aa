"""Stock by SKU and warehouse: held for orders, sold, given back, counted by people."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from schemas.api.inventory import (
    Delta,
    InitialLevel,
    ReserveStock,
    RunningLow,
    WarehouseCode,
    WarehouseWrite,
)
from schemas.base import Id, Idempotency, Sku
from schemas.base import Line as TextLine
from services.chassis.common import clock
from services.chassis.common.paging import Paging
from services.chassis.dynamic_config import config
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Service
from services.chassis.runtime.settings import load
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.inventory.domain import Line
from services.inventory.settings import InventorySettings
from services.inventory.store import InventoryStore

SETTINGS = load(InventorySettings)

Skus = Annotated[list[Sku], Field(max_length=500)]
Reply = dict[str, Any]


def _hold() -> timedelta:
    return timedelta(seconds=config.setting("inventory.stock_hold_seconds", SETTINGS.stock_hold_seconds))


def _threshold() -> int:
    return int(config.setting("inventory.low_stock_threshold", SETTINGS.low_stock_threshold))


class InventoryService(Service):
    """Says what there is, holds it for orders, and lets it go."""

    name = "inventory"
    stock = Mongo(InventoryStore)

    @rpc
    def reserve(self, command: ReserveStock) -> Reply:
        """Hold every line of an order, or none, until it is committed, released or expires.

        Idempotent under `order_id`. Raises `OutOfStock` naming the line that can't be held, `InvalidState` when the
        order's reservation is over, `ServiceUnavailable` (try again) when the same order is being reserved just now.
        """
        now = clock.now()
        lines = [Line(line.sku, line.quantity) for line in command.lines]
        return self.stock.reservations.reserve(command.order_id, lines, now, now + _hold())

    @rpc
    def commit(self, order_id: Id) -> Reply:
        """Sell what is held for the order. Idempotent. If the hold has run out, the units are taken from what is
        there. Raises `OutOfStock` then, `InvalidState` after a release, `NotFound` without a reservation.
        """
        now = clock.now()
        return self.stock.reservations.commit(order_id, now, now + _hold())

    @rpc
    def release(self, order_id: Id) -> Reply:
        """Undo a reserve or a commit: free the hold, or put the units back on hand. Idempotent, and final: a reserve
        or commit that comes later is refused.
        """
        return self.stock.reservations.release(order_id, clock.now())

    @every(seconds=30)
    def release_expired(self) -> None:
        self.stock.reservations.release_expired(clock.now())

    @rpc
    def adjust(
        self,
        sku: Sku,
        delta: Delta,
        reason: TextLine,
        warehouse: WarehouseCode | None = None,
        idempotency: Idempotency | None = None,
    ) -> Reply:
        """Correct what is on hand by `delta` units; makes the level of a new SKU.

        Raises `OutOfStock` rather than take away what is held for orders, `NotFound` for an unknown warehouse.
        """
        return self.stock.adjust(sku, delta, reason, warehouse, _threshold(), idempotency)

    @rpc
    def set_initial(self, levels: Annotated[list[InitialLevel], Field(max_length=1_000)]) -> Reply:
        """The first count of many SKUs; those that have a level keep it. Replies `{created, existing}`."""
        counts = [level.model_dump() for level in {level.sku: level for level in levels}.values()]
        created = self.stock.set_initial(counts, _threshold())
        return {"created": created, "existing": len(counts) - created}

    @rpc
    def get_level(self, sku: Sku) -> Reply:
        """What there is of a SKU. Raises `NotFound` when it was never counted."""
        return self.stock.counts.get(sku)

    @rpc
    def get_levels(self, skus: Skus) -> dict[str, Reply]:
        """Levels by SKU; those without one are missing."""
        return self.stock.counts.get_many(skus)

    @rpc
    def low_stock(self, query: RunningLow) -> Reply:
        """What is at its threshold or below, the scarcest first; of `skus` only, if they are given."""
        return self.stock.counts.running_low(Paging(query.page, query.limit), query.skus)

    @rpc
    def list_warehouses(self) -> list[Reply]:
        """By priority: the first is emptied first."""
        return self.stock.warehouses.all()

    @rpc
    def put_warehouse(self, code: WarehouseCode, warehouse: WarehouseWrite) -> Reply:
        """Make a warehouse or change it."""
        return self.stock.warehouses.put(code, warehouse.model_dump())

    @rpc
    def delete_warehouse(self, code: WarehouseCode) -> None:
        """Raises `Conflict` while there is stock in it, or when it is the last."""
        self.stock.warehouses.delete(code)
