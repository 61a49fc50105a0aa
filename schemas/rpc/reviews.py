"""RPC interface of the reviews service."""

from typing import Annotated, Protocol

from pydantic import Field

from schemas.api.products import Rating
from schemas.api.reviews import (
    ImportReview,
    Moderation,
    RatingsRebuild,
    Reason,
    Review,
    ReviewImportReport,
    ReviewPatch,
    ReviewQuery,
    ReviewRules,
    ReviewRulesState,
    ReviewsQuery,
    ReviewText,
    ReviewWrite,
    Votes,
)
from schemas.base import Id, Idempotency, IdOrSlug, Page
from schemas.caller import Caller


class ReviewsRpc(Protocol):
    """Product reviews: reading, writing, votes, abuse reports, moderation, ratings."""

    def list_reviews(self, product: IdOrSlug, query: ReviewQuery) -> Page[Review]:
        """List a product's approved reviews; empty while reviews are switched off. Raises `NotFound`."""
        ...

    def get_review(self, review_id: Id, caller: Caller) -> Review:
        """Get a review that the caller may read. Raises `NotFound`."""
        ...

    def list_all(self, query: ReviewsQuery, caller: Caller) -> Page[Review]:
        """List reviews in every status: all for administrators, the caller's own otherwise. Raises `Forbidden`."""
        ...

    def rating(self, product: IdOrSlug) -> Rating:
        """Get the rating of a product. Raises `NotFound`."""
        ...

    def submit(
        self,
        product: IdOrSlug,
        review: ReviewWrite,
        author: str | None,
        caller: Caller,
        idempotency: Idempotency | None = None,
    ) -> Review:
        """Create a review. Idempotent under `idempotency`.

        Raises `NotFound` for an unknown product, `Conflict` for a second review, `ValidationFailed` for pictures that
        do not belong to the caller, `Forbidden` while reviews are switched off.
        """
        ...

    def edit(self, review_id: Id, patch: ReviewPatch, caller: Caller, expected_version: int | None = None) -> Review:
        """Change the caller's review; its status is determined anew. Raises `NotFound`, `ValidationFailed`,
        `PreconditionFailed`.
        """
        ...

    def delete(self, review_id: Id, caller: Caller, expected_version: int | None = None) -> None:
        """Delete the caller's review; administrators delete any. Raises `NotFound`, `PreconditionFailed`."""
        ...

    def vote(self, review_id: Id, helpful: bool, caller: Caller) -> Votes:
        """Vote on a review; a second vote replaces the first. Raises `NotFound`, `Conflict` for the author."""
        ...

    def report(self, review_id: Id, reason: Reason, caller: Caller) -> None:
        """Report a review for moderation, once per person. Raises `NotFound`, `Conflict` for the author."""
        ...

    def reply(self, review_id: Id, text: ReviewText, caller: Caller) -> Review:
        """Reply as the product's vendor or an administrator. Raises `NotFound` for others."""
        ...

    def moderate(self, review_id: Id, moderation: Moderation, caller: Caller) -> Review:
        """Approve, reject or hold a review. Raises `NotFound`."""
        ...

    def rules(self, caller: Caller) -> ReviewRulesState:
        """Get the moderation rules."""
        ...

    def set_rules(self, rules: ReviewRules, caller: Caller, expected_version: int | None = None) -> ReviewRulesState:
        """Replace the moderation rules; pending reviews stay pending."""
        ...

    def import_reviews(
        self, reviews: Annotated[list[ImportReview], Field(min_length=1, max_length=500)], caller: Caller
    ) -> ReviewImportReport:
        """Import reviews of another shop; idempotent."""
        ...

    def rebuild_ratings(self, cursor: Id | None = None) -> RatingsRebuild:
        """Recount the ratings of a hundred products; `next` is the cursor of the next call, null at the end."""
        ...
