"""Parts of the events of orders: lines with their tax, quantities of lines, totals."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.events.base import LineItem

Postal = dict[str, Any]
"""An address, in the form of `schemas.base.Address`."""


class OrderLine(LineItem):
    """An order line with its tax, at the price and rate when ordered (minor units; basis points)."""

    tax_rate_bp: int = 0
    tax: int = 0
    vendor_id: str | None = None
    category: str | None = None


class LineQuantity(BaseModel):
    """Units of one line of an order."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sku: str
    quantity: int


class Totals(BaseModel):
    """The order's totals in minor units. `total = subtotal - discount + shipping + tax`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int
