"""Reviews, votes, abuse reports, moderation and its rules."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from schemas.base import Clean, Cursor, GivenMoment, Id, Line, Moment, OneLine, Request, Schema

ReviewStatus = Literal["pending", "approved", "rejected"]
ReviewSort = Literal["newest", "helpful", "rating", "-rating"]
Stars = Annotated[int, Field(ge=1, le=5)]
ReviewText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000), Clean]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), OneLine]
Images = Annotated[list[Id], Field(max_length=8)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=2, max_length=60), OneLine]
_OMITTED: Any = Field(default=None, json_schema_extra=lambda schema: schema.pop("default", None))  # type: ignore[arg-type,return-value]


class ReviewWrite(Request):
    """A new review. `images` are files that the author uploaded with the purpose `review`."""

    rating: Stars
    title: Line
    text: ReviewText
    images: Images = Field(default=[])


class ReviewPatch(Request):
    """The fields to change; the status is determined anew."""

    rating: Stars = _OMITTED
    title: Line = _OMITTED
    text: ReviewText = _OMITTED
    images: Images = _OMITTED

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one field to change")
        return self


class Vote(Request):
    """Whether a review was helpful."""

    helpful: bool


class ReplyWrite(Request):
    """The vendor's reply."""

    text: ReviewText


class AbuseReport(Request):
    """The reason of an abuse report."""

    reason: Reason


class Moderation(Request):
    """A new status of a review; `reason` is required for a rejection."""

    status: ReviewStatus
    reason: Annotated[Reason | None, Field(validate_default=True)] = None

    @field_validator("reason")
    @classmethod
    def _rejection_has_reason(cls, reason: str | None, others: ValidationInfo) -> str | None:
        if reason is None and others.data.get("status") == "rejected":
            raise ValueError("is required for a rejection")
        return reason


class ReviewRules(Request):
    """Moderation rules: which reviews are approved automatically; the others are pending."""

    auto_approve: bool = True
    """False: every review is pending."""
    verified_only: bool = True
    """Approve only reviews of customers who bought the product."""
    no_links: bool = True
    blocked_words: Annotated[list[Word], Field(max_length=1_000)] = Field(default=[])
    """Whole words, case-insensitive."""
    hide_after_reports: Annotated[int, Field(ge=0, le=1_000)] = 5
    """Number of reports that set an approved review to pending, once; 0 never."""


class ReviewRulesState(ReviewRules):
    """The moderation rules in force."""

    version: int = 0
    """Incremented by each change; for `If-Match`."""


class Author(Schema):
    """The public name of the author."""

    name: str


class VendorReply(Schema):
    """The vendor's reply and its time."""

    text: str
    at: Moment


class Review(Schema):
    """A review."""

    id: Id
    product_id: Id
    author: Author
    rating: Stars
    title: str
    text: str
    verified: bool
    """Whether the author bought the product."""
    status: ReviewStatus
    helpful: int
    not_helpful: int
    images: list[Id]
    reply: VendorReply | None = None
    created_at: Moment
    updated_at: Moment
    version: int
    """Incremented by each change, but not by votes; for `If-Match`."""
    reason: str | None = None
    """Why it is pending or was rejected; only for the author and administrators."""
    reports: int | None = None
    """Number of abuse reports; only for administrators."""


class Votes(Schema):
    """The vote counts of a review."""

    helpful: int
    not_helpful: int


class ReviewQuery(Schema):
    """Filters and order of a product's approved reviews."""

    sort: ReviewSort = "newest"
    verified: bool | None = None
    with_images: bool | None = None
    rating: Stars | None = None
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class ReviewsQuery(Schema):
    """Filters of the caller's reviews; administrators get all."""

    status: ReviewStatus | None = None
    product: Id | None = None
    reported: bool | None = Field(None, description="For administrators: reviews with abuse reports")
    page: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None


class RatingsRebuild(Schema):
    """Progress of a ratings rebuild: products checked and corrected by this call, and the next cursor."""

    done: int
    mended: int
    next: Id | None


class ImportReview(Request):
    """A review of another shop."""

    product_id: Id
    author: Line
    author_key: Line
    """Identifies the author, such as a mail address: one review per author and product. It is not stored."""
    rating: Stars
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] = ""
    text: ReviewText
    verified: bool = False
    created_at: GivenMoment


class ImportReviews(Request):
    """Up to 500 reviews of another shop, approved as they are. Idempotent."""

    reviews: Annotated[list[ImportReview], Field(min_length=1, max_length=500)]


class ReviewImportReport(Schema):
    """Result of an import."""

    created: int
    unchanged: int
