"""Bulk import of products: the rows, and what became of each."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.api.products import ProductStatus, ProductWrite, VariantWrite
from schemas.base import Clean, Id, OneLine, Request, Schema, Sku, Slug

CategoryPath = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400), OneLine, Clean]


class ImportVariant(VariantWrite):
    """A variant of an imported row; `stock` is what is there when its SKU is new to the inventory."""

    stock: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class ImportRating(Request):
    """The ratings that a product brings along from another shop."""

    average: Annotated[float, Field(ge=0, le=5)]
    count: Annotated[int, Field(ge=0, le=10**9)]


class ImportRow(ProductWrite):
    """One product of a bulk import. It is found again by `external_id`, else by `slug`, else by its first SKU.

    `category` is a path (`Home/Kitchen/Knives` or `kitchen-accessories`): what is missing of it is created.
    Pictures that the shop keeps of a product (`/api/v1/files/…`) stay, unless the row brings such itself.
    """

    category: CategoryPath | None = None
    status: ProductStatus = "active"
    variants: Annotated[list[ImportVariant], Field(min_length=1, max_length=100)]  # type: ignore[assignment]
    rating: ImportRating | None = None


class ImportProducts(Request):
    """Up to 100 rows; each is judged by itself (see `ImportRow`), so that one bad row doesn't refuse the others."""

    products: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class InitialStock(Schema):
    """What an accepted import row says of the stock of a SKU: the argument of `inventory.set_initial`."""

    sku: Sku
    on_hand: int


class ImportResult(Schema):
    """What became of one row."""

    index: int = Field(description="Of the row in the request, from 0")
    status: Literal["created", "updated", "unchanged", "refused"]
    id: Id | None = None
    slug: Slug | None = None
    field: str | None = Field(None, description="Where the first fault is")
    reason: str | None = None


class ImportReport(Schema):
    """What became of each row, counted; `stock` lists what the accepted rows say is there."""

    created: int
    updated: int
    unchanged: int
    refused: int
    rows: list[ImportResult]
    stock: list[InitialStock]
