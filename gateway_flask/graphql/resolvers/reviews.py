"""Approved reviews of a product."""

from typing import Any

from gateway_flask.graphql.arguments import model
from gateway_flask.graphql.connections import by_offset
from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.rpc.calls import call
from schemas.api.reviews import ReviewQuery
from schemas.rpc.reviews import ReviewsRpc

Json = dict[str, Any]


@resolves("Product.reviews")
def reviews(source: Json, info: Info, first: int, sort: str, after: str | None = None) -> Json:
    def read(page: int, limit: int) -> Json:
        query = model(ReviewQuery, {"sort": sort, "page": page, "limit": limit})
        reply: Json = call(ReviewsRpc.list_reviews, product=source["id"], query=query).json
        return reply

    info.context.check_time()
    return by_offset(read, first, after)


@resolves("Review.author")
def author(source: Json, _: Info) -> str:
    name: str = source["author"]["name"]
    return name
