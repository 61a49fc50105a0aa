"""Approved reviews of a product."""

from typing import Any

from gateway_flask.graphql.arguments import model
from gateway_flask.graphql.connections import AFTER, by_cursor
from gateway_flask.graphql.fields import Info, resolves
from gateway_flask.rpc.calls import call
from schemas.api.reviews import ReviewQuery
from schemas.rpc.reviews import ReviewsRpc

Json = dict[str, Any]


@resolves("Product.reviews")
def reviews(source: Json, info: Info, first: int, sort: str, after: str | None = None) -> Json:
    def read(limit: int, cursor: str | None, _: bool) -> Json:  # the total is that of the product's rating
        values = {"sort": sort, "limit": limit} | ({"cursor": cursor} if cursor else {})
        query = model(ReviewQuery, values, names=AFTER)
        reply: Json = call(ReviewsRpc.list_reviews, product=source["id"], query=query).json
        return reply

    info.context.check_time()
    return by_cursor(info, read, first, after)


@resolves("Review.author")
def author(source: Json, _: Info) -> str:
    name: str = source["author"]["name"]
    return name
