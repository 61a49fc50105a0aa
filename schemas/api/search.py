"""Search: what can be asked, what is found, what is proposed while somebody types, and how it is tuned."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from schemas.api.products import AttributeName, AttributeText, ListItem
from schemas.base import HighestPrice, Id, Line, Moment, Money, OneLine, PriceBound, Request, Schema, Sku, Slug

SearchSort = Literal["relevance", "price", "-price", "-rating", "-created_at", "title"]
FacetType = Literal["terms", "range", "tree"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine]
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:\-]{1,128}$")]
FACETS = ("category", "brand", "price", "rating", "attributes")


def _are_facets(text: str) -> str:
    unknown = [name for name in text.split(",") if name and name not in FACETS and not name.startswith("attr.")]
    if unknown:
        raise ValueError(f"{unknown[0]} is no facet: {', '.join(FACETS)} or attr.NAME")
    return text


FacetList = Annotated[str, StringConstraints(max_length=500, pattern=r"^[a-z0-9_.,]*$"), AfterValidator(_are_facets)]

DEEPEST = 10_000
"""The engine shows no more of one list: who wants more narrows the search."""

LONGEST_BEGINNING = 100
"""Characters of what is proposed for."""


class SearchQuery(Schema):
    """What is searched. Prices are in minor units; `attr.NAME=VALUE` filters by an attribute."""

    q: Words = Field("", description="Words, a brand, a SKU; `phone under 500` limits the price")
    category: Slug | None = Field(None, description="With everything below it")
    brand: Line | None = None
    vendor: Id | None = None
    min_price: PriceBound | None = Field(None, description="Minor units, inclusive")
    max_price: HighestPrice | None = Field(None, description="Minor units, inclusive")
    rating: Annotated[float, Field(ge=0, le=5)] | None = Field(None, description="Average of at least this")
    in_stock: bool | None = None
    attributes: Annotated[dict[AttributeName, AttributeText], Field(max_length=10)] = Field(
        default={}, description="By name; over HTTP as parameters `attr.NAME`"
    )
    sort: SearchSort = "relevance"
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    facets: FacetList | None = Field(
        None,
        description="Which to count, with commas: category, brand, price, rating, attributes, attr.NAME. "
        "Left out: the first five; empty: none",
    )
    session_id: SessionId | None = Field(None, description="The visitor's session, for the shop's figures")

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
        if page * others.data.get("limit", 1) > DEEPEST:
            raise ValueError(f"times limit must not be above {DEEPEST}: narrow the search")
        return page


class SuggestQuery(Schema):
    """What somebody has typed so far."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_BEGINNING), OneLine]


class SearchItem(ListItem):
    """A product that was found."""

    sku: Sku = Field(description="Of its cheapest variant")
    highlights: dict[str, str] | None = Field(None, description="By field: HTML, the words in `<em>`")


class FacetValue(Schema):
    """One choice of a facet. A range's value is `FROM-TO` in minor units, open ends left out."""

    value: str
    label: str
    count: int
    selected: bool
    parent: str | None = Field(None, description="In a tree: the value above it")


class Facet(Schema):
    """How what was found is spread over one field. Its own filter doesn't count for it; the others do."""

    field: str
    type: FacetType
    values: list[FacetValue]


class SearchReply(Schema):
    """What was found."""

    items: list[SearchItem]
    facets: list[Facet]
    did_you_mean: str | None = Field(None, description="When the words look wrong")
    relaxed: bool = Field(description="Nothing has all the words: these have some")
    degraded: bool = Field(description="The engine is away: found in the catalogue itself, by words of the title")


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
    """What could be meant."""

    products: list[SuggestedProduct]
    categories: list[SuggestedCategory]
    queries: list[str]


# ---- tuning ------------------------------------------------------------------------------------------------------


def _is_rule(text: str) -> str:
    sides = text.split("=>")
    if len(sides) > 2 or any(not side.replace(",", "").strip() for side in sides):
        raise ValueError('must read like "couch, sofa" or "tv => television"')
    if len(sides) == 1 and sum(1 for part in text.split(",") if part.strip()) < 2:
        raise ValueError("must name at least two words that mean the same")
    return text


Synonyms = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500), OneLine, AfterValidator(_is_rule)
]
Weight = Annotated[float, Field(ge=0, le=10)]
Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), OneLine]


class Placed(Request):
    """Products that a query puts first, in this order, or last."""

    query: Query
    product_ids: Annotated[list[Id], Field(min_length=1, max_length=50)]


class Boosts(Request):
    """How much each weighs beside the words; 0: not at all, 1: a product that has it fully counts double."""

    in_stock: Weight = 0.2
    rating: Weight = 0.15
    sales: Weight = 0.15
    margin: Weight = 0.0


class Tuning(Request):
    """How search is tuned."""

    synonyms: Annotated[list[Synonyms], Field(max_length=2_000)] = Field(
        default=[], description='"couch, sofa": the same; "tv => television": the left is also searched as the right'
    )
    pinned: Annotated[list[Placed], Field(max_length=1_000)] = Field(default=[])
    buried: Annotated[list[Placed], Field(max_length=1_000)] = Field(default=[])
    boosts: Boosts = Boosts()
    margins: Annotated[dict[Slug, Annotated[int, Field(ge=0, le=100)]], Field(max_length=500)] = Field(
        default={}, description="Percent by category, for the boost `margin`"
    )


class TuningWrite(Tuning):
    """The whole of it, in place of what is there."""

    version: Annotated[int, Field(ge=0)] = Field(description="Of the tuning that was read: 409 when it has changed")


class TuningReply(Tuning):
    """What is in force. Every process follows within two seconds."""

    version: int
    updated_at: Moment | None = None
    updated_by: str | None = None


class PreviewRequest(Request):
    """A query, and a tuning to try on it."""

    q: Query
    tuning: Tuning
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Reason(Schema):
    """One thing that a product's place comes from."""

    what: str = Field(description="A word and the field that has it, a boost, or pinned/buried")
    points: float


class PreviewItem(Schema):
    position: int
    other_position: int | None = Field(description="Where it stands on the other side; null: not in it")
    id: Id
    title: str
    score: float
    reasons: list[Reason]


class Preview(Schema):
    """The order today and the order that it would be."""

    before: list[PreviewItem]
    after: list[PreviewItem]
