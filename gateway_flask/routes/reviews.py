"""Routes of reviews: reading, writing, votes, abuse reports, moderation."""

from typing import Any

from flask import Response

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath, ProductPath
from gateway_flask.rpc.calls import call
from schemas.api.reviews import (
    ImportReviews,
    Moderation,
    ReplyWrite,
    Report,
    Review,
    ReviewImportReport,
    ReviewPatch,
    ReviewQuery,
    ReviewRules,
    ReviewsQuery,
    ReviewWrite,
    Vote,
    Votes,
)

api = Api("reviews", "Reviews", "Product reviews, votes, abuse reports and moderation.")


@api.get("/products/<string:id>/reviews", reply=Review, many=True, who=Who.ANYONE)
def list_reviews(path: ProductPath, query: ReviewQuery) -> Response:
    """List a product's approved reviews."""
    return listing(call("reviews", "list_reviews", product=path.id, query=query.model_dump()), "Reviews")


@api.post("/products/<string:id>/reviews", reply=Review, statuses=(201,), who=Who.SIGNED_IN, key="may")
def submit_review(path: ProductPath, body: ReviewWrite) -> Response:
    """Create a review of a product, once per customer. Reviews of buyers are `verified`; others may be pending."""
    review = call(
        "reviews",
        "submit",
        product=path.id,
        review=body.model_dump(),
        author=current_request().name,
        caller=caller(),
        idempotency=idempotency(),
    )
    return ok(review, "Review taken", 201)


@api.get("/reviews", reply=Review, many=True, who=Who.SIGNED_IN)
def list_all_reviews(query: ReviewsQuery) -> Response:
    """List the caller's reviews in every status; administrators get all reviews."""
    return listing(call("reviews", "list_all", query=query.model_dump(), caller=caller()), "Reviews")


@api.post("/reviews/import", reply=ReviewImportReport, who=Who.ADMIN)
def import_reviews(body: ImportReviews) -> Response:
    """Import reviews of another shop; idempotent."""
    rows = body.model_dump(mode="json")["reviews"]
    return ok(call("reviews", "import_reviews", reviews=rows, caller=caller(), deadline=30.0), "Reviews imported")


@api.get("/reviews/rules", reply=ReviewRules, who=Who.ADMIN)
def get_review_rules() -> Response:
    """Get the moderation rules."""
    return ok(call("reviews", "rules"), "Rules")


@api.put("/reviews/rules", reply=ReviewRules, who=Who.ADMIN)
def put_review_rules(body: ReviewRules) -> Response:
    """Replace the moderation rules; pending reviews stay pending."""
    return ok(call("reviews", "set_rules", rules=body.model_dump(), caller=caller()), "Rules set")


@api.get("/reviews/<string:id>", reply=Review, who=Who.GUEST)
def get_review(path: IdPath) -> Response:
    """Get a review: an approved one or the caller's own."""
    return _of("get_review", path, "Review")


@api.patch("/reviews/<string:id>", reply=Review, who=Who.SIGNED_IN)
def edit_review(path: IdPath, body: ReviewPatch) -> Response:
    """Change the caller's review; its status is determined anew."""
    return _of("edit", path, "Review changed", patch=body.model_dump(exclude_unset=True))


@api.delete("/reviews/<string:id>", reply=None, who=Who.SIGNED_IN)
def delete_review(path: IdPath) -> Response:
    """Delete the caller's review; administrators delete any."""
    return _of("delete", path, "Review deleted")


@api.post("/reviews/<string:id>/vote", reply=Votes, who=Who.SIGNED_IN)
def vote_on_review(path: IdPath, body: Vote) -> Response:
    """Vote on whether a review was helpful; a second vote replaces the first."""
    return _of("vote", path, "Vote counted", helpful=body.helpful)


@api.post("/reviews/<string:id>/report", reply=None, who=Who.SIGNED_IN)
def report_review(path: IdPath, body: Report) -> Response:
    """Report a review for moderation."""
    return _of("report", path, "Thank you, we will look at it", reason=body.reason)


@api.post("/reviews/<string:id>/reply", reply=Review, who=Who.VENDOR)
def reply_to_review(path: IdPath, body: ReplyWrite) -> Response:
    """Reply to a review of the caller's product; administrators reply to any."""
    return _of("reply", path, "Reply saved", text=body.text)


@api.post("/reviews/<string:id>/moderate", reply=Review, who=Who.ADMIN)
def moderate_review(path: IdPath, body: Moderation) -> Response:
    """Approve a review, reject it with a reason, or set it to pending."""
    return _of("moderate", path, "Review moderated", moderation=body.model_dump())


def _of(method: str, path: IdPath, message: str, **arguments: Any) -> Response:
    return ok(call("reviews", method, review_id=path.id, **arguments, caller=caller()), message)
