"""Reviews of products: what customers write, what others make of it, and the rules by which it is seen."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from schemas.base import Clean, GivenMoment, Id, Line, Moment, OneLine, Request, Schema

ReviewStatus = Literal["pending", "approved", "rejected"]
ReviewSort = Literal["newest", "helpful", "rating", "-rating"]
Stars = Annotated[int, Field(ge=1, le=5)]
ReviewText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000), Clean]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), OneLine]
Images = Annotated[list[Id], Field(max_length=8)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=2, max_length=60), OneLine]
_GONE: Any = Field(default=None, json_schema_extra=lambda schema: schema.pop("default", None))  # type: ignore[arg-type,return-value]


class ReviewWrite(Request):
    """A review. Pictures are files that its author brought with the purpose `review`."""

    rating: Stars
    title: Line
    text: ReviewText
    images: Images = Field(default=[])


class ReviewPatch(Request):
    """What of it to change; it is judged anew."""

    rating: Stars = _GONE
    title: Line = _GONE
    text: ReviewText = _GONE
    images: Images = _GONE

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class Vote(Request):
    """Whether a review helped."""

    helpful: bool


class ReplyWrite(Request):
    """What the vendor answers."""

    text: ReviewText


class Report(Request):
    """Why a review should be looked at."""

    reason: Reason


class Moderation(Request):
    """An administrator's word on a review; a rejection needs a reason."""

    status: ReviewStatus
    reason: Annotated[Reason | None, Field(validate_default=True)] = None

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: str | None, others: ValidationInfo) -> str | None:
        if reason is None and others.data.get("status") == "rejected":
            raise ValueError("say why")
        return reason


class ReviewRules(Request):
    """Which reviews are seen without anybody looking at them first; the others wait."""

    auto_approve: bool = True
    """False: every review waits."""
    verified_only: bool = True
    """Only of those who bought the product."""
    no_links: bool = True
    blocked_words: Annotated[list[Word], Field(max_length=1_000)] = Field(default=[])
    """Whole words, capitals don't matter."""
    hide_after_reports: Annotated[int, Field(ge=0, le=1_000)] = 5
    """So many reports make an approved review wait again, once; 0: never."""


class Author(Schema):
    """Who wrote it, as much as others may know."""

    name: str


class VendorReply(Schema):
    """What the vendor answered."""

    text: str
    at: Moment


class Review(Schema):
    """A review as it is shown."""

    id: Id
    product_id: Id
    author: Author
    rating: Stars
    title: str
    text: str
    verified: bool
    """Its author bought the product."""
    status: ReviewStatus
    helpful: int
    not_helpful: int
    images: list[Id]
    reply: VendorReply | None = None
    created_at: Moment
    updated_at: Moment
    reason: str | None = None
    """Why it waits or was rejected: for its author and administrators."""
    reports: int | None = None
    """For administrators."""


class Votes(Schema):
    """How a review's votes stand."""

    helpful: int
    not_helpful: int


class ReviewQuery(Schema):
    """Which approved reviews of a product, and in which order."""

    sort: ReviewSort = "newest"
    verified: bool | None = None
    with_images: bool | None = None
    rating: Stars | None = None
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class ReviewsQuery(Schema):
    """Which reviews: the own ones; an administrator sees everybody's."""

    status: ReviewStatus | None = None
    product: Id | None = None
    reported: bool | None = Field(None, description="Administrators: those that somebody has reported")
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class ImportReview(Request):
    """A review that comes from another shop."""

    product_id: Id
    author: Line
    author_key: Line
    """Who wrote it there, such as a mail address: one review for each and product. It is not kept."""
    rating: Stars
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] = ""
    text: ReviewText
    verified: bool = False
    created_at: GivenMoment


class ImportReviews(Request):
    """Up to 500 reviews of another shop, which are seen at once. Again: nothing changes."""

    reviews: Annotated[list[ImportReview], Field(min_length=1, max_length=500)]


class ReviewImportReport(Schema):
    """What became of them."""

    created: int
    unchanged: int
