"""Search: queries, replies, suggestions and rebuilds of the index."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from schemas.api.products import AttributeName, AttributeText, ListItem
from schemas.base import Cursor, HighestPrice, Id, Line, Money, OneLine, PriceBound, Schema, Sku, Slug

SearchSort = Literal["relevance", "price", "-price", "-rating", "-created_at", "title"]
FacetType = Literal["terms", "range", "tree"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
FACETS = ("category", "brand", "price", "rating", "attributes")


def _are_facets(text: str) -> str:
    unknown = [name for name in text.split(",") if name and name not in FACETS and not name.startswith("attr.")]
    if unknown:
        raise ValueError(f"{unknown[0]} is not a facet: {', '.join(FACETS)} or attr.NAME")
    return text


FacetList = Annotated[str, StringConstraints(max_length=500, pattern=r"^[a-z0-9_.,]*$"), AfterValidator(_are_facets)]

MAX_DEPTH = 10_000
"""Maximum number of results that can be paged through."""

MAX_PREFIX_LENGTH = 100
"""Maximum length of the text that suggestions are made for."""


class SearchQuery(Schema):
    """A search. Prices are in minor units; `attr.NAME=VALUE` filters by an attribute."""

    q: Words = Field("", description="Words, a brand, a SKU; `phone under 500` limits the price")
    category: Slug | None = Field(None, description="Including its descendants")
    brand: Line | None = None
    vendor: Id | None = None
    min_price: PriceBound | None = Field(None, description="Minor units, inclusive")
    max_price: HighestPrice | None = Field(None, description="Minor units, inclusive")
    rating: Annotated[float, Field(ge=0, le=5)] | None = Field(None, description="Minimum average rating")
    in_stock: bool | None = None
    attributes: Annotated[dict[AttributeName, AttributeText], Field(max_length=10)] = Field(
        default={}, description="Attribute filters by name; in HTTP as parameters `attr.NAME`"
    )
    sort: SearchSort = "relevance"
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    facets: FacetList | None = Field(
        None,
        description="Comma-separated facets: category, brand, price, rating, attributes, attr.NAME. "
        "Default: the first five; empty: none",
    )
    session_id: SessionId | None = Field(None, description="The visitor's session, for analytics")

    @model_validator(mode="before")
    @classmethod
    def _gather_attributes(cls, values: Any) -> Any:
        """Take `attr.color=red` as one entry of `attributes`."""
        if not isinstance(values, dict) or not any(str(key).startswith("attr.") for key in values):
            return values
        named = {key[5:]: value for key, value in values.items() if str(key).startswith("attr.")}
        rest = {key: value for key, value in values.items() if not str(key).startswith("attr.")}
        return {**rest, "attributes": {**(rest.get("attributes") or {}), **named}}

    @field_validator("page")
    @classmethod
    def _is_not_too_deep(cls, page: int, others: ValidationInfo) -> int:
        if page * others.data.get("limit", 1) > MAX_DEPTH:
            raise ValueError(f"times limit must not be above {MAX_DEPTH}: narrow the search")
        return page


class SuggestQuery(Schema):
    """The text typed so far."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PREFIX_LENGTH), OneLine]


class SearchItem(ListItem):
    """A product in search results."""

    sku: Sku = Field(description="SKU of the cheapest variant")
    highlights: dict[str, str] | None = Field(None, description="By field: HTML with the matching words in `<em>`")


class FacetValue(Schema):
    """A value of a facet. The value of a range is `FROM-TO` in minor units; open ends are empty."""

    value: str
    label: str
    count: int
    selected: bool
    parent: str | None = Field(None, description="In a tree: the parent value")


class Facet(Schema):
    """Counts of the results by values of one field, filtered by all other facets."""

    field: str
    type: FacetType
    values: list[FacetValue]


class SearchReply(Schema):
    """A page of search results."""

    items: list[SearchItem]
    facets: list[Facet]
    did_you_mean: str | None = Field(None, description="Corrected query, if words seem misspelt")
    relaxed: bool = Field(description="True if no product matches all words and these match some")
    degraded: bool = Field(
        description="True if the search engine was unavailable and the catalogue was searched by words of the title"
    )


class SearchPage(SearchReply):
    """Search results with their paging, as the service replies them."""

    page: int
    limit: int
    total: int
    next_cursor: str | None = None


class SuggestedProduct(Schema):
    id: Id
    slug: Slug
    title: str
    thumbnail: str | None
    price: Money


class SuggestedCategory(Schema):
    slug: Slug
    name: str


class Suggestions(Schema):
    """Suggested products, categories and queries."""

    products: list[SuggestedProduct]
    categories: list[SuggestedCategory]
    queries: list[str]


# ---- rebuild of the index ----------------------------------------------------------------------------------------


class RebuildStart(Schema):
    """A rebuild that has begun: the new index, and the number of products to copy."""

    index: str
    total: int


class RebuildPage(Schema):
    """The number of products copied by this call, and the next cursor; null at the end."""

    done: int
    next: Id | None


class RebuildResult(Schema):
    """The number of products that had changed during the rebuild."""

    caught_up: int
