"""Stock: levels by SKU and warehouse, reservations for orders, warehouses."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from schemas.base import Country, Cursor, Id, Line, Moment, Quantity, Request, Schema, Sku
from schemas.codes import GivenCountry

MAX_UNITS = 10_000_000
"""Maximum units of a SKU: a larger number is taken for a typing error."""

WarehouseCode = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
Units = Annotated[int, Field(ge=0, le=MAX_UNITS)]


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


Delta = Annotated[int, Field(ge=-MAX_UNITS, le=MAX_UNITS), AfterValidator(_not_zero)]
ReservationStatus = Literal["pending", "held", "committed", "released"]


# ---- requests ----------------------------------------------------------------------------------------------------


class AdjustStock(Request):
    """Adjust the units on hand after a count, a delivery or a loss."""

    delta: Delta = Field(description="Change in units; units on hand never fall below the reserved ones")
    reason: Line
    warehouse: WarehouseCode | None = Field(None, description="Default: the warehouse of highest priority")


class WarehouseWrite(Request):
    """Create or replace a warehouse."""

    name: Line
    priority: Annotated[int, Field(ge=0, le=1_000)] = Field(
        100, description="Stock is taken from the smallest number first"
    )
    country: GivenCountry | None = None


class LowStockQuery(Schema):
    """Page of the list of SKUs that run low."""

    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class ThresholdWrite(Request):
    """The threshold of a SKU: at or below it its stock is low."""

    low_stock_threshold: Units


# ---- commands between services ------------------------------------------------------------------------------------


class StockLine(Request):
    """A quantity of a SKU."""

    sku: Sku
    quantity: Quantity


class ReserveStock(Request):
    """Reserve stock for all lines of an order, or for none."""

    order_id: Id
    lines: Annotated[list[StockLine], Field(min_length=1, max_length=100)]


class InitialLevel(Request):
    """Initial units of a SKU; ignored if it has a level."""

    sku: Sku
    on_hand: Units
    warehouse: WarehouseCode | None = None
    low_stock_threshold: Units | None = None


# ---- replies -----------------------------------------------------------------------------------------------------


class WarehouseLevel(Schema):
    """The stock of a SKU in a warehouse."""

    warehouse: WarehouseCode
    on_hand: int
    reserved: int
    available: int


class Level(Schema):
    """The stock level of a SKU: `available = on_hand - reserved`, never below 0."""

    sku: Sku
    on_hand: int
    reserved: int
    available: int
    warehouses: list[WarehouseLevel]
    low_stock_threshold: int
    version: int = 1
    """Of the threshold, which is set, not counted: for `If-Match`."""


class LowLevel(Schema):
    """A SKU whose available units are at or below its threshold."""

    sku: Sku
    available: int
    low_stock_threshold: int


class InitialStockReport(Schema):
    """Numbers of SKUs whose level was created, and of those that had one."""

    created: int
    existing: int


class Reservation(Schema):
    """A reservation of stock for an order, with its expiry."""

    order_id: Id
    status: ReservationStatus
    expires_at: Moment | None = None


class Warehouse(Schema):
    """A warehouse."""

    code: WarehouseCode
    name: str
    priority: int
    country: Country | None = None
    version: int = Field(description="Incremented by each change; for `If-Match`")
