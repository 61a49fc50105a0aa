"""Search tuning: synonyms, pinned and buried products, boosts, and a preview of their effect."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from schemas.base import Id, Moment, OneLine, Request, Schema, Slug


def _is_rule(text: str) -> str:
    sides = text.split("=>")
    if len(sides) > 2 or any(not side.replace(",", "").strip() for side in sides):
        raise ValueError('must read like "couch, sofa" or "tv => television"')
    if len(sides) == 1 and sum(1 for part in text.split(",") if part.strip()) < 2:
        raise ValueError("must contain at least two synonyms")
    return text


Synonyms = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500), OneLine, AfterValidator(_is_rule)
]
Weight = Annotated[float, Field(ge=0, le=10)]
Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), OneLine]


class Placed(Request):
    """Products that a query ranks first (in this order) or last."""

    query: Query
    product_ids: Annotated[list[Id], Field(min_length=1, max_length=50)]


class Boosts(Request):
    """Weights of ranking factors: 0 no effect, 1 doubles the score of a product with the full value."""

    in_stock: Weight = 0.2
    rating: Weight = 0.15
    sales: Weight = 0.15
    margin: Weight = 0.0


class Tuning(Request):
    """Search tuning."""

    synonyms: Annotated[list[Synonyms], Field(max_length=2_000)] = Field(
        default=[], description='"couch, sofa": synonyms; "tv => television": the left is also searched as the right'
    )
    pinned: Annotated[list[Placed], Field(max_length=1_000)] = Field(default=[])
    buried: Annotated[list[Placed], Field(max_length=1_000)] = Field(default=[])
    hidden_suggestions: Annotated[list[Query], Field(max_length=1_000)] = Field(
        default=[], description="Queries that are never suggested, however popular they are"
    )
    boosts: Boosts = Boosts()
    margins: Annotated[dict[Slug, Annotated[int, Field(ge=0, le=100)]], Field(max_length=500)] = Field(
        default={}, description="Margin in percent by category slug, for the boost `margin`"
    )


class TuningWrite(Tuning):
    """A complete tuning that replaces the current one."""

    version: Annotated[int, Field(ge=0)] = Field(
        description="Version of the tuning that was read; 409 if it has changed"
    )


class TuningReply(Tuning):
    """The tuning in force."""

    version: int
    updated_at: Moment | None = None
    updated_by: str | None = None


class TuningPreviewRequest(Request):
    """A query and the tuning to preview."""

    q: Query
    tuning: Tuning
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Reason(Schema):
    """One contribution to a product's score."""

    what: str = Field(description="A word and its field, a boost, or pinned/buried")
    points: float


class PreviewItem(Schema):
    position: int
    other_position: int | None = Field(description="Position in the other ranking; null if missing there")
    id: Id
    title: str
    score: float
    reasons: list[Reason]


class Preview(Schema):
    """The current and the changed ranking."""

    before: list[PreviewItem]
    after: list[PreviewItem]
