"""Read queries on reviews; each list is one indexed query."""

from typing import Any, Final

from pymongo.collection import Collection

from schemas.api.reviews import ReviewQuery, ReviewsQuery
from services.chassis.common.errors import NotFound
from services.chassis.common.paging import ASCENDING, DESCENDING, Direction, Keyset, Kind, Paging, SortKey
from services.chassis.stores.keyset_mongo import on_page, sort_of
from services.reviews.domain import Document


def _keyset(name: str, field: str, direction: Direction, kind: Kind) -> Keyset:
    return Keyset(f"reviews:{name}", (SortKey(field, direction, kind), SortKey("_id", direction, "id")))


KEYSETS: Final = {
    "newest": _keyset("newest", "created_at", DESCENDING, "moment"),
    "helpful": _keyset("helpful", "helpful", DESCENDING, "integer"),
    "rating": _keyset("rating", "rating", ASCENDING, "integer"),
    "-rating": _keyset("-rating", "rating", DESCENDING, "integer"),
}
ALL: Final = Keyset("reviews", (SortKey("_id", DESCENDING, "id"),))


class ReviewQueries:
    """Read queries on the collection `reviews`."""

    def __init__(self, reviews: Collection[Document]) -> None:
        self.reviews = reviews

    def indexes(self) -> None:
        self.reviews.create_index([("customer_id", 1), ("product_id", 1)], unique=True, name="one_each")
        of_product = [("product_id", 1), ("status", 1)]
        for field in ("created_at", "helpful", "rating"):
            self.reviews.create_index([*of_product, (field, 1), ("_id", 1)], name=f"product_by_{field}")
        self.reviews.create_index([("status", 1), ("_id", -1)], name="by_status")
        self.reviews.create_index([("customer_id", 1), ("_id", -1)], name="by_customer")
        self.reviews.create_index(
            [("reports", -1), ("_id", -1)], name="reported", partialFilterExpression={"reports": {"$gt": 0}}
        )

    def of_product(self, product_id: str, query: ReviewQuery, rating: Document) -> Document:
        """A page of a product's approved reviews; their total number is taken from `rating` where possible."""
        condition: dict[str, Any] = {"product_id": product_id, "status": "approved"}
        if query.rating is not None:
            condition["rating"] = query.rating
        if query.verified is not None:
            condition["verified"] = query.verified
        if query.with_images is not None:
            condition["images.0"] = {"$exists": query.with_images}
        keyset, paging = KEYSETS[query.sort], Paging.of(query)
        field = keyset.keys[0].field
        counted_by_rating = query.verified is None and query.with_images is None
        total = (
            (rating["histogram"][str(query.rating)] if query.rating else rating["count"])
            if counted_by_rating
            else self.reviews.count_documents(condition)
        )
        return keyset.page(
            self._rows(condition, keyset, paging), total, paging, lambda last: (last[field], last["_id"])
        )

    def all(self, query: ReviewsQuery, customer_id: str | None) -> Document:
        """A page of one customer's or all reviews, the newest first; `items` are stored documents."""
        condition: dict[str, Any] = {}
        if customer_id is not None:
            condition["customer_id"] = customer_id
        if query.status is not None:
            condition["status"] = query.status
        if query.product is not None:
            condition["product_id"] = query.product
        if query.reported:
            condition["reports"] = {"$gt": 0}
        paging = Paging.of(query)
        rows, total = self._rows(condition, ALL, paging), self.reviews.count_documents(condition)
        return ALL.page(rows, total, paging, lambda last: (last["_id"],))

    def _rows(self, condition: Document, keyset: Keyset, paging: Paging) -> list[Document]:
        rows = self.reviews.find(on_page(condition, keyset, paging)).sort(sort_of(keyset))
        return list(rows.skip(paging.offset).limit(paging.fetched))

    def get(self, review_id: str) -> Document:
        """A stored review. Raises `NotFound`."""
        review = self.reviews.find_one({"_id": review_id})
        if review is None:
            raise NotFound("There is no such review")
        return review
