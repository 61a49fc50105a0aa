"""Routes of reviews: reading, writing, votes, abuse reports, moderation."""

from flask import Response

from gateway_flask.http import etag
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath, ProductPath
from gateway_flask.rpc.calls import call, call_within
from schemas.api.reviews import (
    AbuseReport,
    ImportReviews,
    Moderation,
    ReplyWrite,
    Review,
    ReviewImportReport,
    ReviewPatch,
    ReviewQuery,
    ReviewRules,
    ReviewRulesState,
    ReviewsQuery,
    ReviewWrite,
    Vote,
    Votes,
)
from schemas.rpc.reviews import ReviewsRpc

api = Api("reviews", "Reviews", "Product reviews, votes, abuse reports and moderation.")

IMPORT_SECONDS = 30.0


@api.get("/products/<string:id>/reviews", reply=Review, many=True)
def list_reviews(path: ProductPath, query: ReviewQuery) -> Response:
    """List a product's approved reviews."""
    return listing(call(ReviewsRpc.list_reviews, product=path.id, query=query), "Reviews")


@api.post("/products/<string:id>/reviews", reply=Review, statuses=(201,), key="may")
def submit_review(path: ProductPath, body: ReviewWrite) -> Response:
    """Create a review of a product, once per customer. Reviews of buyers are `verified`; others may be pending."""
    review = call(
        ReviewsRpc.submit,
        product=path.id,
        review=body,
        author=current_request().name,
        caller=caller(),
        idempotency=idempotency(),
    )
    return ok(review, "Review created", 201)


@api.get("/reviews", reply=Review, many=True)
def list_all_reviews(query: ReviewsQuery) -> Response:
    """List the caller's reviews in every status; administrators get all reviews."""
    return listing(call(ReviewsRpc.list_all, query=query, caller=caller()), "Reviews")


@api.post("/reviews/import", reply=ReviewImportReport)
def import_reviews(body: ImportReviews) -> Response:
    """Import reviews of another shop; idempotent."""
    report = call_within(IMPORT_SECONDS, ReviewsRpc.import_reviews, reviews=body.reviews, caller=caller())
    return ok(report, "Reviews imported")


@api.get("/reviews/rules", reply=ReviewRulesState)
def get_review_rules() -> Response:
    """Get the moderation rules."""
    return etag.versioned(call(ReviewsRpc.rules, caller=caller()), "Rules")


@api.put("/reviews/rules", reply=ReviewRulesState, headers=("If-Match",))
def put_review_rules(body: ReviewRules) -> Response:
    """Replace the moderation rules; pending reviews stay pending."""
    expected = etag.expected_version()
    rules = call(ReviewsRpc.set_rules, rules=body, caller=caller(), expected_version=expected)
    return etag.versioned(rules, "Rules set")


@api.get("/reviews/<string:id>", reply=Review)
def get_review(path: IdPath) -> Response:
    """Get a review: an approved one or the caller's own."""
    return etag.versioned(call(ReviewsRpc.get_review, review_id=path.id, caller=caller()), "Review")


@api.patch("/reviews/<string:id>", reply=Review, headers=("If-Match",))
def edit_review(path: IdPath, body: ReviewPatch) -> Response:
    """Change the caller's review; its status is determined anew."""
    expected = etag.expected_version()
    review = call(ReviewsRpc.edit, review_id=path.id, patch=body, caller=caller(), expected_version=expected)
    return etag.versioned(review, "Review changed")


@api.delete("/reviews/<string:id>", reply=None, headers=("If-Match",))
def delete_review(path: IdPath) -> Response:
    """Delete the caller's review; administrators delete any."""
    call(ReviewsRpc.delete, review_id=path.id, caller=caller(), expected_version=etag.expected_version())
    return ok(None, "Review deleted")


@api.post("/reviews/<string:id>/vote", reply=Votes)
def vote_on_review(path: IdPath, body: Vote) -> Response:
    """Vote on whether a review was helpful; a second vote replaces the first."""
    return ok(call(ReviewsRpc.vote, review_id=path.id, helpful=body.helpful, caller=caller()), "Vote counted")


@api.post("/reviews/<string:id>/report", reply=None)
def report_review(path: IdPath, body: AbuseReport) -> Response:
    """Report a review for moderation."""
    return ok(
        call(ReviewsRpc.report, review_id=path.id, reason=body.reason, caller=caller()), "Thank you, we will look at it"
    )


@api.post("/reviews/<string:id>/reply", reply=Review)
def reply_to_review(path: IdPath, body: ReplyWrite) -> Response:
    """Reply to a review of the caller's product; administrators reply to any."""
    return ok(call(ReviewsRpc.reply, review_id=path.id, text=body.text, caller=caller()), "Reply saved")


@api.post("/reviews/<string:id>/moderate", reply=Review)
def moderate_review(path: IdPath, body: Moderation) -> Response:
    """Approve a review, reject it with a reason, or set it to pending."""
    return ok(call(ReviewsRpc.moderate, review_id=path.id, moderation=body, caller=caller()), "Review moderated")
