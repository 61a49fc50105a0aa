"""What customers think of products."""

from typing import Any

from flask import Response

from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.middleware.request_context import caller, current_request, idempotency
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath, ProductPath
from gateway_flask.rpc.calls import call_by_name as call
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

api = Api("reviews", "Reviews", "What customers think of products, votes on it, and moderation.")


@api.get("/products/<string:id>/reviews", reply=Review, many=True, who=Who.ANYONE)
def list_reviews(path: ProductPath, query: ReviewQuery) -> Response:
    """A product's approved reviews."""
    return listing(call("reviews", "list_reviews", product=path.id, query=query.model_dump()), "Reviews")


@api.post("/products/<string:id>/reviews", reply=Review, statuses=(201,), who=Who.SIGNED_IN, key="may")
def submit_review(path: ProductPath, body: ReviewWrite) -> Response:
    """Review a product, once. Who bought it is marked `verified`; what the shop's rules don't let pass waits."""
    review = call(
        "reviews",
        "submit",
        product=path.id,
        review=body.model_dump(),
        author=current_request().name,
        caller=caller().model_dump(),
        idempotency=key.model_dump() if (key := idempotency()) else None,
    )
    return ok(review, "Review taken", 201)


@api.get("/reviews", reply=Review, many=True, who=Who.SIGNED_IN)
def list_all_reviews(query: ReviewsQuery) -> Response:
    """The own reviews in every status; everybody's for an administrator."""
    return listing(call("reviews", "list_all", query=query.model_dump(), caller=caller().model_dump()), "Reviews")


@api.post("/reviews/import", reply=ReviewImportReport, who=Who.ADMIN)
def import_reviews(body: ImportReviews) -> Response:
    """Take reviews over from another shop. Again: nothing changes."""
    rows = body.model_dump(mode="json")["reviews"]
    return ok(
        call("reviews", "import_reviews", reviews=rows, caller=caller().model_dump(), deadline=30.0), "Reviews imported"
    )


@api.get("/reviews/rules", reply=ReviewRules, who=Who.ADMIN)
def get_review_rules() -> Response:
    """Which reviews are seen without anybody looking at them first."""
    return ok(call("reviews", "rules"), "Rules")


@api.put("/reviews/rules", reply=ReviewRules, who=Who.ADMIN)
def put_review_rules(body: ReviewRules) -> Response:
    """Set the rules, from now on: what waits already goes on waiting."""
    return ok(call("reviews", "set_rules", rules=body.model_dump(), caller=caller().model_dump()), "Rules set")


@api.get("/reviews/<string:id>", reply=Review, who=Who.GUEST)
def get_review(path: IdPath) -> Response:
    """A review: an approved one, or an own one."""
    return _of("get_review", path, "Review")


@api.patch("/reviews/<string:id>", reply=Review, who=Who.SIGNED_IN)
def edit_review(path: IdPath, body: ReviewPatch) -> Response:
    """Change the own review; it is judged anew."""
    return _of("edit", path, "Review changed", patch=body.model_dump(exclude_unset=True))


@api.delete("/reviews/<string:id>", reply=None, who=Who.SIGNED_IN)
def delete_review(path: IdPath) -> Response:
    """Delete the own review; an administrator any."""
    return _of("delete", path, "Review deleted")


@api.post("/reviews/<string:id>/vote", reply=Votes, who=Who.SIGNED_IN)
def vote_on_review(path: IdPath, body: Vote) -> Response:
    """Say whether a review helped; a second vote replaces the first."""
    return _of("vote", path, "Vote counted", helpful=body.helpful)


@api.post("/reviews/<string:id>/report", reply=None, who=Who.SIGNED_IN)
def report_review(path: IdPath, body: Report) -> Response:
    """Say that a review should be looked at."""
    return _of("report", path, "Thank you, we will look at it", reason=body.reason)


@api.post("/reviews/<string:id>/reply", reply=Review, who=Who.VENDOR)
def reply_to_review(path: IdPath, body: ReplyWrite) -> Response:
    """Answer a review of an own product; an administrator any."""
    return _of("reply", path, "Reply saved", text=body.text)


@api.post("/reviews/<string:id>/moderate", reply=Review, who=Who.ADMIN)
def moderate_review(path: IdPath, body: Moderation) -> Response:
    """Approve a review, reject it with a reason, or have it wait."""
    return _of("moderate", path, "Review moderated", moderation=body.model_dump())


def _of(method: str, path: IdPath, message: str, **arguments: Any) -> Response:
    return ok(call("reviews", method, review_id=path.id, **arguments, caller=caller().model_dump()), message)
