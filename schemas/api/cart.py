"""Carts of guests and customers, priced at each read."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.base import Currency, Moment, Money, Quantity, Request, Schema, Sku

MAX_LINES = 100
MAX_QUANTITY = 10_000

CartId = Annotated[str, StringConstraints(min_length=16, max_length=64, pattern=r"^[A-Za-z0-9_\-]+$")]
"""A guest's cart id is its only key: 192 random bits, so that it cannot be guessed. A customer's is the user's id."""

WarningCode = Literal["PRICE_CHANGED", "LOW_AVAILABILITY", "OUT_OF_STOCK", "UNAVAILABLE"]


# ---- requests ----------------------------------------------------------------------------------------------------


class AddItem(Request):
    """Add units of a SKU to the cart."""

    sku: Sku
    quantity: Quantity = 1


class SetQuantity(Request):
    """Set the quantity of a SKU; to remove it, delete the item."""

    quantity: Quantity


# ---- replies -----------------------------------------------------------------------------------------------------


class CartItem(Schema):
    """A cart line with its current price."""

    sku: Sku
    product_id: str
    title: str
    thumbnail: str | None
    quantity: int
    unit_price: Money
    line_total: Money
    available: int


class CartWarning(Schema):
    """A change since the item was added: of its price or its availability."""

    code: WarningCode
    sku: Sku
    message: str


class Cart(Schema):
    """A cart. One that doesn't exist is empty, with `id` null. Prices are without tax."""

    id: CartId | None
    items: list[CartItem]
    item_count: int = Field(description="Total units of all lines")
    subtotal: Money
    discount_total: Money
    total: Money
    currency: Currency
    warnings: list[CartWarning]
    updated_at: Moment | None


class CheckoutLine(Schema):
    """A cart line for an order (RPC only): minor units of the cart's currency."""

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
    seen_price: int | None = None
    """The unit price in the last reply that showed the line to the cart's owner."""


class CheckoutView(Schema):
    """A cart with current prices and the tax rates of a destination (RPC only). `weight_g` is the total weight."""

    cart_id: str | None
    version: int
    currency: Currency
    lines: list[CheckoutLine]
    subtotal: int
    weight_g: int
    unavailable: list[Sku] = Field([], description="SKUs in the cart that are no longer sold; they are not in `lines`")
