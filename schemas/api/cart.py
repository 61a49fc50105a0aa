"""Carts of guests and customers, priced afresh at each look."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Currency, Moment, Money, Quantity, Request, Schema, Sku

MAX_LINES = 100
MAX_QUANTITY = 10_000

CartId = Annotated[str, StringConstraints(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_\-]+$")]
"""A guest's cart id is its only key: 192 random bits, so that nobody guesses one. A customer's is the user's id."""

WarningCode = Literal["PRICE_CHANGED", "LOW_AVAILABILITY", "OUT_OF_STOCK", "UNAVAILABLE"]


# ---- what clients send -------------------------------------------------------------------------------------------


class AddItem(Request):
    """Put so many more of a SKU into the cart."""

    sku: Sku
    quantity: Quantity = 1


class SetQuantity(Request):
    """How many of a SKU there shall be; to have none, delete the item."""

    quantity: Quantity


# ---- what we reply -----------------------------------------------------------------------------------------------


class CartItem(Schema):
    """One line: so many of a SKU at today's price."""

    sku: Sku
    product_id: str
    title: str
    thumbnail: str | None
    quantity: int
    unit_price: Money
    line_total: Money
    available: int


class CartWarning(Schema):
    """Something that changed since the item was put in: its price, or whether it can still be had."""

    code: WarningCode
    sku: Sku
    message: str


class Cart(Schema):
    """A cart as its owner sees it. One that doesn't exist is empty, with `id` null. Prices are without tax."""

    id: CartId | None
    items: list[CartItem]
    item_count: int = Field(description="Units, over all lines")
    subtotal: Money
    discount_total: Money
    total: Money
    currency: Currency
    warnings: list[CartWarning]
    updated_at: Moment | None


class CheckoutLine(Schema):
    """One line as an order takes it over: minor units of the cart's currency."""

    sku: Sku
    product_id: str
    title: str
    thumbnail: str | None
    quantity: int
    unit_price: int
    line_total: int
    weight_g: int
    tax_rate_bp: int
    available: int
    vendor_id: str | None
    category: str | None


class CheckoutView(Schema):
    """A cart, freshly priced and taxed for one destination (RPC only). `weight_g` is that of all units together."""

    cart_id: str | None
    version: int
    currency: Currency
    lines: list[CheckoutLine]
    subtotal: int
    weight_g: int
    unavailable: list[Sku] = Field([], description="SKUs in the cart that are no longer sold; they are not in `lines`")
