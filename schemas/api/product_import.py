"""Bulk import of products: rows and their outcomes."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.api.products import ProductStatus, ProductWrite
from schemas.api.variants import VariantWrite
from schemas.base import Clean, Id, OneLine, Request, Schema, Sku, Slug

CategoryPath = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400), OneLine, Clean]


class ImportVariant(VariantWrite):
    """A variant of an imported row; `stock` is the initial stock of a SKU without a level."""

    stock: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class ImportRating(Request):
    """Ratings imported from another shop."""

    average: Annotated[float, Field(ge=0, le=5)]
    count: Annotated[int, Field(ge=0, le=10**9)]


class ImportRow(ProductWrite):
    """One product of a bulk import. Matched by `external_id`, else by `slug`, else by its first SKU, among the products
    of its own seller: the vendor that `vendor_id` names, else the shop.

    `category` is a path (`Home/Kitchen/Knives` or `kitchen-accessories`): missing categories are created.
    Images stored in the shop (`/api/v1/files/…`) are kept, unless the row has such images.
    """

    category: CategoryPath | None = None
    status: ProductStatus = "active"
    variants: Annotated[list[ImportVariant], Field(min_length=1, max_length=100)]  # type: ignore[assignment]
    rating: ImportRating | None = None


class ImportProducts(Request):
    """Up to 100 rows (see `ImportRow`); each is validated separately, so that an invalid row does not affect others."""

    products: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


class InitialStock(Schema):
    """Initial stock of a SKU in an accepted row."""

    sku: Sku
    on_hand: int


class ImportResult(Schema):
    """The outcome of a row."""

    index: int = Field(description="Index of the row in the request, from 0")
    status: Literal["created", "updated", "unchanged", "refused"]
    id: Id | None = None
    slug: Slug | None = None
    field: str | None = Field(None, description="Field of the first error")
    reason: str | None = None


class ImportReport(Schema):
    """The outcome of each row, with counts; `stock` lists the initial stock of accepted rows."""

    created: int
    updated: int
    unchanged: int
    refused: int
    rows: list[ImportResult]
    stock: list[InitialStock]
