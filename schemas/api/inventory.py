"""Stock: levels by SKU and warehouse, reservations for orders, warehouses."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from schemas.base import Country, Id, Line, Moment, Quantity, Request, Schema, Sku
from schemas.codes import GivenCountry

MAX_UNITS = 10_000_000
"""More of one SKU than any warehouse of ours holds: a slip of the keyboard beyond it."""

WarehouseCode = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")]
Units = Annotated[int, Field(ge=0, le=MAX_UNITS)]


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


Delta = Annotated[int, Field(ge=-MAX_UNITS, le=MAX_UNITS), AfterValidator(_not_zero)]
ReservationStatus = Literal["pending", "held", "committed", "released"]


# ---- what clients send -------------------------------------------------------------------------------------------


class AdjustStock(Request):
    """A count, a delivery, a loss: how many units more or less there are on hand than we thought."""

    delta: Delta = Field(description="Units; negative takes away. Never below what is reserved")
    reason: Line
    warehouse: WarehouseCode | None = Field(None, description="The one of highest priority when left out")


class WarehouseWrite(Request):
    """A place that stock is taken from, as it is created or replaced."""

    name: Line
    priority: Annotated[int, Field(ge=0, le=1_000)] = Field(100, description="The smallest number is emptied first")
    country: GivenCountry | None = None


class LowStockQuery(Schema):
    """Page of the list of what runs low."""

    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20


# ---- what services ask of each other -------------------------------------------------------------------------------


class StockLine(Request):
    """So many of a SKU."""

    sku: Sku
    quantity: Quantity


class ReserveStock(Request):
    """Hold these lines for an order, all or none."""

    order_id: Id
    lines: Annotated[list[StockLine], Field(min_length=1, max_length=100)]


class InitialLevel(Request):
    """The first count of a SKU; ignored where a level exists already."""

    sku: Sku
    on_hand: Units
    warehouse: WarehouseCode | None = None
    low_stock_threshold: Units | None = None


# ---- what we reply -----------------------------------------------------------------------------------------------


class WarehouseLevel(Schema):
    """What one warehouse has of a SKU."""

    warehouse: WarehouseCode
    on_hand: int
    reserved: int
    available: int


class Level(Schema):
    """What there is of a SKU: `available = on_hand - reserved`, never below 0."""

    sku: Sku
    on_hand: int
    reserved: int
    available: int
    warehouses: list[WarehouseLevel]
    low_stock_threshold: int


class LowLevel(Schema):
    """A SKU of which no more is available than its threshold."""

    sku: Sku
    available: int
    low_stock_threshold: int


class InitialStockReport(Schema):
    """How many SKUs got their first count, and how many had a level already."""

    created: int
    existing: int


class Reservation(Schema):
    """Stock reserved for an order, and until when."""

    order_id: Id
    status: ReservationStatus
    expires_at: Moment | None = None


class Warehouse(Schema):
    """A place that stock is taken from."""

    code: WarehouseCode
    name: str
    priority: int
    country: Country | None = None
