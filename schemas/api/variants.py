"""Variants of a product (SKUs) with their options: requests and resources."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.base import Currency, Id, Line, Money, OneLine, Price, Request, Schema, Sku

OptionName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine]
OptionValue = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), OneLine]
Weight = Annotated[int, Field(ge=0, le=10_000_000, description="Grams, packed")]
Barcode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z\-]{4,64}$")]


class Option(Request):
    """An option with its values: Size, with S, M, L."""

    name: OptionName
    values: Annotated[list[OptionValue], Field(min_length=1, max_length=100)]


class VariantWrite(Request):
    """A variant of a product: a SKU with its price and weight."""

    sku: Sku = Field(description="Unique over all products")
    title: Line | None = Field(None, description="Default: the values of its options")
    options: dict[OptionName, OptionValue] = Field(default={}, description="One value for each option of the product")
    price: Price = Field(description="Without tax; all variants of a product are in one currency")
    compare_at_price: Price | None = Field(None, description="The former price, above `price`, in the same currency")
    weight_g: Weight = 0
    barcode: Barcode | None = None


class Variant(Schema):
    """A variant of a product."""

    sku: Sku
    title: str
    options: dict[str, str]
    price: Money
    compare_at_price: Money | None = None
    available: int
    in_stock: bool
    weight_g: int
    barcode: str | None = None


class PricedSku(Schema):
    """Price, weight, availability and tax rate of a SKU (RPC only); money in minor units, tax in basis points."""

    sku: Sku
    product_id: Id
    title: str
    thumbnail: str | None
    unit_price: int
    currency: Currency
    weight_g: int
    available: int
    active: bool
    tax_rate_bp: int
    category: str | None
    vendor_id: str | None


class SkuStock(Schema):
    """Available units of a SKU, with the version of the level (RPC only)."""

    sku: Sku
    sequence: int
    available: int
