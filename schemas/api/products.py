"""Products: requests and resources."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    StringConstraints,
    model_validator,
)

from schemas.api.categories import CategoryRef
from schemas.api.taxes import TaxClass
from schemas.api.variants import Option, SkuStock, Variant, VariantWrite
from schemas.base import (
    Cursor,
    HighestPrice,
    Id,
    Line,
    LongText,
    Moment,
    Money,
    OneLine,
    PriceBound,
    Request,
    Schema,
    ShortText,
    Sku,
    Slug,
    one_of,
)

ProductStatus = Literal["draft", "active", "archived"]
ProductSort = Literal["price", "-price", "-rating", "-created_at", "title"]

Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^(https?://|/)[^\s<>\x22]+$")]
"""An absolute URL, or a path on the shop's host."""
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine]
AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
AttributeText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), OneLine]
Number = Annotated[int, Field(ge=-(10**12), le=10**12)]
Real = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
AttributeValue = Annotated[
    bool | Number | Real | AttributeText | Annotated[list[AttributeText], Field(min_length=1, max_length=50)],
    one_of("must be true, false, a number, a short text, or a list of up to 50 short texts"),
]
ExternalId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), OneLine]


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


LEFT_OUT: Any = Field(default=None, json_schema_extra=_without_default)
"""For a field of a patch that may be left out, but not be null."""


# ---- requests ----------------------------------------------------------------------------------------------------


class Seo(Request):
    """Texts for search engines; empty fields default to title and description."""

    title: ShortText = ""
    description: ShortText = ""


class ProductWrite(Request):
    """Create or replace a product."""

    title: Line
    slug: Slug | None = Field(None, description="Unique. Default: derived from the title")
    description: LongText = ""
    brand: Line | None = None
    category: Slug | None = Field(None, description="The slug of an existing category")
    status: ProductStatus = Field(description="Only active products are listed and sold")
    options: Annotated[list[Option], Field(max_length=5)] = Field(default=[])
    variants: Annotated[list[VariantWrite], Field(min_length=1, max_length=100)]
    tags: Annotated[list[Tag], Field(max_length=50)] = Field(default=[])
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=100)] = Field(default={})
    images: Annotated[list[Url], Field(max_length=50)] = Field(default=[])
    image_alts: Annotated[dict[Url, Line], Field(max_length=50)] = Field(
        default={}, description="Texts for those who don't see the pictures, by image"
    )
    thumbnail: Url | None = Field(None, description="Default: the first image")
    seo: Seo = Seo()
    tax_class: TaxClass = "standard"
    vendor_id: Id | None = Field(
        None, description="Owner. Administrators may set it; a vendor's products are their own"
    )
    external_id: ExternalId | None = Field(None, description="Unique id in the system that it is imported from")


class ProductPatch(Request):
    """Change the given fields. A list or object is replaced as a whole."""

    title: Line = LEFT_OUT
    slug: Slug = LEFT_OUT
    description: LongText = LEFT_OUT
    brand: Line | None = None
    category: Slug | None = None
    status: ProductStatus = LEFT_OUT
    options: Annotated[list[Option], Field(max_length=5)] = LEFT_OUT
    variants: Annotated[list[VariantWrite], Field(min_length=1, max_length=100)] = LEFT_OUT
    tags: Annotated[list[Tag], Field(max_length=50)] = LEFT_OUT
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=100)] = LEFT_OUT
    images: Annotated[list[Url], Field(max_length=50)] = LEFT_OUT
    image_alts: Annotated[dict[Url, Line], Field(max_length=50)] = LEFT_OUT
    thumbnail: Url | None = None
    seo: Seo = LEFT_OUT
    tax_class: TaxClass = LEFT_OUT
    vendor_id: Id = LEFT_OUT

    @model_validator(mode="after")
    def _names_a_field(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class ProductQuery(Schema):
    """Filters, sort order and page of the product list. `attr.NAME=VALUE` filters by an attribute; all must match."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] | None = Field(
        None, description="Words that title or brand must contain, all of them; `/search` has full-text search"
    )
    category: Slug | None = Field(None, description="The category or one below it")
    brand: Line | None = Field(None, description="Name of the brand, case-insensitive")
    vendor: Id | None = None
    min_price: PriceBound | None = Field(None, description="Minor units, inclusive")
    max_price: HighestPrice | None = Field(None, description="Minor units, inclusive")
    in_stock: bool | None = None
    rating: Annotated[float, Field(ge=0, le=5)] | None = Field(None, description="Minimum average rating")
    attributes: Annotated[dict[AttributeName, AttributeText], Field(max_length=10)] = Field(
        default={}, description="By name; over HTTP as parameters `attr.NAME`"
    )
    status: ProductStatus | None = Field(
        None, description="For administrators, and vendors (own products). Default: active"
    )
    sort: ProductSort = "-created_at"
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather_attributes(cls, values: Any) -> Any:
        """Parse `attr.color=red` into an entry of `attributes`."""
        if not isinstance(values, dict):
            return values
        named = {key[5:]: value for key, value in values.items() if isinstance(key, str) and key.startswith("attr.")}
        if not named:
            return values
        rest = {key: value for key, value in values.items() if not (isinstance(key, str) and key.startswith("attr."))}
        return {**rest, "attributes": {**(rest.get("attributes") or {}), **named}}


# ---- replies -----------------------------------------------------------------------------------------------------


class Rating(Schema):
    """Rating of a product: mean of 1 to 5 stars, number of ratings, and number per star."""

    average: float
    count: int
    histogram: dict[str, int] | None = None


class ListItem(Schema):
    """A product in a list; `price` is the price of its cheapest variant."""

    id: Id
    slug: Slug
    title: str
    brand: str | None
    category: CategoryRef | None
    price: Money
    compare_at_price: Money | None = None
    thumbnail: str | None
    rating: Rating
    in_stock: bool


class ProductDetail(ListItem):
    """A product with all fields."""

    description: str
    images: list[str]
    image_alts: dict[str, str] = Field(default={}, description="By image")
    tags: list[str]
    options: list[Option]
    variants: list[Variant]
    attributes: dict[str, AttributeValue]
    seo: Seo
    status: ProductStatus
    tax_class: TaxClass
    vendor_id: str | None
    external_id: str | None = None
    created_at: Moment
    updated_at: Moment
    version: int = Field(description="Incremented by each edit; send it as `If-Match` to change this version only")


class ProductSnapshot(ProductDetail):
    """A product with the versions of its parts, for copies in other services (RPC only)."""

    rating_sequence: int
    stock: list[SkuStock]


class SnapshotPage(Schema):
    """Snapshots in the order of their ids; `next` is the next `after`, null at the end (RPC only)."""

    items: list[ProductSnapshot]
    next: Id | None


class SearchedItem(ListItem):
    """A list item with the SKU of its cheapest variant (RPC only)."""

    sku: Sku


class RelatedQuery(Schema):
    """Number of related products to list."""

    limit: Annotated[int, Field(ge=1, le=50)] = 8
