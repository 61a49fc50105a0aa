"""Inventory service: stock by SKU and warehouse, reservations for orders, adjustments."""

from datetime import timedelta

from schemas.api.inventory import (
    Delta,
    InitialStockReport,
    LowStockQuery,
    ReserveStock,
    ThresholdWrite,
    WarehouseCode,
    WarehouseWrite,
)
from schemas.api.variants import PricedSku
from schemas.base import Id, Idempotency, Sku
from schemas.base import Line as TextLine
from schemas.caller import Caller
from schemas.events.orders import OrderConfirmed
from schemas.events.products import ProductArchived, StockImported
from schemas.permissions.permission import Permission
from schemas.rpc.inventory import InitialLevels, InventoryRpc, ReturnedLines, Skus
from schemas.rpc.products import ProductsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DeadlineExceeded, NotFound, ServiceUnavailable
from services.chassis.common.paging import Paging
from services.chassis.dynamic_config import config
from services.chassis.messaging.batches import on_batch
from services.chassis.messaging.events import on_event
from services.chassis.messaging.remote import Remote
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Configured, Service
from services.chassis.runtime.timers import every
from services.chassis.stores.mongo import Mongo
from services.inventory.domain import Line
from services.inventory.settings import InventorySettings
from services.inventory.store import InventoryStore

BATCH = 200
"""Maximum number of confirmed orders whose stock is committed together."""
BATCH_SECONDS = 0.1
"""How long a confirmed order waits for others, in seconds."""


ASK_AGAIN = timedelta(minutes=2)
"""How long an overdue reservation is held before orders is asked about it again."""


class InventoryService(Service):
    """Stock levels and reservations."""

    name = "inventory"
    settings = Configured(InventorySettings)
    stock = Mongo(InventoryStore)
    products = Remote(ProductsRpc, deadline=2.0)

    @implements(InventoryRpc.reserve)
    def reserve(self, command: ReserveStock) -> Json:
        now = self.stock.server_clock.now()
        lines = [Line(line.sku, line.quantity) for line in command.lines]
        return self.stock.reservations.reserve(command.order_id, lines, now, now + self._hold_time())

    @implements(InventoryRpc.commit)
    def commit(self, order_id: Id) -> Json:
        now = self.stock.server_clock.now()
        return self.stock.reservations.commit(order_id, now, now + self._hold_time())

    @on_batch(OrderConfirmed, size=BATCH, seconds=BATCH_SECONDS)
    def commit_confirmed(self, events: list[OrderConfirmed]) -> None:
        """Commit the stock of confirmed orders."""
        order_ids = sorted({event.order_id for event in events})
        now = self.stock.server_clock.now()
        self.stock.reservations.commit_confirmed(order_ids, now, now + self._hold_time())

    @implements(InventoryRpc.release)
    def release(self, order_id: Id) -> Json:
        return self.stock.reservations.release(order_id, self.stock.server_clock.now())

    @implements(InventoryRpc.return_lines)
    def return_lines(self, order_id: Id, return_id: Id, lines: ReturnedLines) -> Json:
        returned = [Line(line.sku, line.quantity) for line in lines]
        return self.stock.returns.return_lines(order_id, return_id, returned, self.stock.server_clock.now())

    @implements(InventoryRpc.expire)
    def expire(self, order_id: Id) -> None:
        self.stock.expiry.expire(order_id, self.stock.server_clock.now())

    @every(seconds=30)
    def sweep(self) -> None:
        """Ask about overdue reservations, and end holds of executions that died."""
        now = self.stock.server_clock.now()
        self.stock.expiry.ask(now, now + ASK_AGAIN)
        self.stock.expiry.end_stale_holds(now)

    @every(seconds=300)
    def prune_reservations(self) -> None:
        self.stock.expiry.prune(clock.now() - self.settings.reservation_retention)

    @on_event(ProductArchived)
    def end_stock(self, event: ProductArchived) -> None:
        """End the stock of a deleted product's SKUs, but not that of a product which has taken them over."""
        if event.deleted:
            taken = self.products.price_skus(skus=list(event.skus))
            self.stock.counts.end(event.product_id, event.skus, taken.keys())

    @implements(InventoryRpc.adjust)
    def adjust(
        self,
        sku: Sku,
        delta: Delta,
        reason: TextLine,
        caller: Caller,
        warehouse: WarehouseCode | None = None,
        idempotency: Idempotency | None = None,
    ) -> Json:
        priced = self._priced(sku, caller)
        _check_own(sku, priced, caller)
        product_id = priced.product_id if priced else None
        return self.stock.adjust(sku, delta, reason, warehouse, self._low_stock_threshold(), idempotency, product_id)

    @implements(InventoryRpc.set_threshold)
    def set_threshold(
        self, sku: Sku, threshold: ThresholdWrite, caller: Caller, expected_version: int | None = None
    ) -> Json:
        _check_own(sku, self._priced(sku, caller), caller)
        return self.stock.set_threshold(sku, threshold.low_stock_threshold, expected_version)

    @implements(InventoryRpc.set_initial)
    def set_initial(self, levels: InitialLevels, caller: Caller) -> InitialStockReport:
        counts = [level.model_dump() for level in {level.sku: level for level in levels}.values()]
        created = self.stock.set_initial(counts, self._low_stock_threshold())
        return InitialStockReport(created=created, existing=len(counts) - created)

    @on_event(StockImported)
    def set_imported_stock(self, event: StockImported) -> None:
        """Set the stock that a bulk import named, for SKUs without a stock record."""
        self.stock.set_imported(event, self._low_stock_threshold())

    @implements(InventoryRpc.get_level)
    def get_level(self, sku: Sku, caller: Caller) -> Json:
        if not caller.may(Permission.INVENTORY_MANAGE):
            _check_own(sku, self.products.price_skus(skus=[sku]).get(sku), caller)
        return self.stock.counts.get(sku)

    @implements(InventoryRpc.get_levels)
    def get_levels(self, skus: Skus) -> Json:
        return self.stock.counts.get_many(skus)

    @implements(InventoryRpc.low_stock)
    def low_stock(self, query: LowStockQuery, caller: Caller) -> Json:
        skus = (
            None
            if caller.may(Permission.INVENTORY_MANAGE)
            else self.products.vendor_skus(vendor_id=str(caller.user_id))
        )
        return self.stock.counts.list_low(Paging.of(query), skus)

    @implements(InventoryRpc.list_warehouses)
    def list_warehouses(self, caller: Caller) -> Json:
        return self.stock.warehouses.all()

    @implements(InventoryRpc.get_warehouse)
    def get_warehouse(self, code: WarehouseCode, caller: Caller) -> Json:
        return self.stock.warehouses.get(code)

    @implements(InventoryRpc.put_warehouse)
    def put_warehouse(
        self, code: WarehouseCode, warehouse: WarehouseWrite, caller: Caller, expected_version: int | None = None
    ) -> Json:
        return self.stock.warehouses.put(code, warehouse.model_dump(), expected_version)

    @implements(InventoryRpc.delete_warehouse)
    def delete_warehouse(self, code: WarehouseCode, caller: Caller, expected_version: int | None = None) -> None:
        self.stock.warehouses.delete(code, expected_version)

    def _priced(self, sku: str, caller: Caller) -> PricedSku | None:
        """The SKU's product and vendor. For an administrator None while products is away: a count need not wait."""
        try:
            return self.products.price_skus(skus=[sku]).get(sku)
        except (ServiceUnavailable, DeadlineExceeded):
            if caller.may(Permission.INVENTORY_MANAGE):
                return None
            raise

    def _hold_time(self) -> timedelta:
        return timedelta(seconds=config.setting("inventory.stock_hold_seconds", self.settings.stock_hold_seconds))

    def _low_stock_threshold(self) -> int:
        return int(config.setting("inventory.low_stock_threshold", self.settings.low_stock_threshold))


def _check_own(sku: str, priced: PricedSku | None, caller: Caller) -> None:
    """Raises `NotFound` for a SKU of another vendor, as for one without a stock record."""
    if not caller.may(Permission.INVENTORY_MANAGE) and (priced is None or priced.vendor_id != caller.user_id):
        raise NotFound(f"There is no stock record of {sku}")
