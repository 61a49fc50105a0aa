"""RPC interface of the inventory service."""

from typing import Annotated, Protocol

from pydantic import Field

from schemas.api.inventory import (
    Delta,
    InitialLevel,
    InitialStockReport,
    Level,
    LowLevel,
    LowStockQuery,
    Reservation,
    ReserveStock,
    StockLine,
    ThresholdWrite,
    Warehouse,
    WarehouseCode,
    WarehouseWrite,
)
from schemas.base import Id, Idempotency, Line, Page, Sku
from schemas.caller import Caller

Skus = Annotated[list[Sku], Field(max_length=500)]
ReturnedLines = Annotated[list[StockLine], Field(min_length=1, max_length=100)]
InitialLevels = Annotated[list[InitialLevel], Field(max_length=1_000)]


class InventoryRpc(Protocol):
    """Stock levels by SKU and warehouse; reservations for orders."""

    def reserve(self, command: ReserveStock) -> Reservation:
        """Reserve stock for every line of an order, or for none, until commit or release.

        Idempotent under `order_id`. Raises `OutOfStock` naming the first line that can't be reserved,
        `InvalidState` after a release.
        """
        ...

    def commit(self, order_id: Id) -> Reservation:
        """Sell what is reserved for the order. Idempotent. An expired reservation takes the units from what is left.

        Raises `OutOfStock` then, `InvalidState` after a release, `NotFound` without a reservation.
        """
        ...

    def release(self, order_id: Id) -> Reservation:
        """Undo a reservation or a commit: units become available again. Idempotent, and final: a later reserve or
        commit is refused.
        """
        ...

    def expire(self, order_id: Id) -> None:
        """Free a reservation whose order does not live, unless it was committed or released. Idempotent."""
        ...

    def return_lines(self, order_id: Id, return_id: Id, lines: ReturnedLines) -> Reservation:
        """Return some units of a committed reservation to stock, to the warehouses that they came from.

        Idempotent under `return_id`. A later release returns what is left. Raises `InvalidState`, and changes nothing,
        unless the reservation is committed and that much of every SKU is left of what was sold; `Conflict` when other
        lines were returned under `return_id`; `NotFound` without a reservation.
        """
        ...

    def adjust(
        self,
        sku: Sku,
        delta: Delta,
        reason: Line,
        caller: Caller,
        warehouse: WarehouseCode | None = None,
        idempotency: Idempotency | None = None,
    ) -> Level:
        """Change the units on hand by `delta`; a vendor's own SKUs only. Creates the record of a new SKU.

        Raises `InvalidState` below what is reserved, `NotFound` for another vendor's SKU or an unknown warehouse.
        """
        ...

    def set_initial(self, levels: InitialLevels, caller: Caller) -> InitialStockReport:
        """Set the first count of SKUs; those that have a level keep it."""
        ...

    def get_level(self, sku: Sku, caller: Caller) -> Level:
        """Get the stock of a SKU; a vendor's own only. Raises `NotFound` where there is no record."""
        ...

    def get_levels(self, skus: Skus) -> dict[str, Level]:
        """Get levels by SKU; SKUs without a record are missing."""
        ...

    def low_stock(self, query: LowStockQuery, caller: Caller) -> Page[LowLevel]:
        """List SKUs at or below their threshold, the scarcest first; a vendor's own only."""
        ...

    def list_warehouses(self, caller: Caller) -> list[Warehouse]:
        """List warehouses by priority: stock is taken from the first one first."""
        ...

    def set_threshold(
        self, sku: Sku, threshold: ThresholdWrite, caller: Caller, expected_version: int | None = None
    ) -> Level:
        """Set the low-stock threshold of a SKU.

        Raises `NotFound` for another vendor's SKU or one without a stock record, `PreconditionFailed`.
        """
        ...

    def get_warehouse(self, code: WarehouseCode, caller: Caller) -> Warehouse:
        """Get a warehouse. Raises `NotFound`."""
        ...

    def put_warehouse(
        self, code: WarehouseCode, warehouse: WarehouseWrite, caller: Caller, expected_version: int | None = None
    ) -> Warehouse:
        """Create or replace a warehouse."""
        ...

    def delete_warehouse(self, code: WarehouseCode, caller: Caller, expected_version: int | None = None) -> None:
        """Delete an empty warehouse. Raises `InvalidState` while it holds stock, `NotFound`."""
        ...
