"""Read queries on reviews; each list is one indexed query."""

from typing import Any, Final

from pymongo.collection import Collection

from schemas.api.reviews import ReviewQuery, ReviewsQuery
from services.chassis.common.errors import NotFound
from services.chassis.common.paging import Paging, page
from services.reviews.domain import Document

SORTS: Final[dict[str, tuple[str, int]]] = {
    "newest": ("created_at", -1),
    "helpful": ("helpful", -1),
    "rating": ("rating", 1),
    "-rating": ("rating", -1),
}


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
        self.reviews.create_index(
            [("reports", -1), ("_id", -1)], name="reported", partialFilterExpression={"reports": {"$gt": 0}}
        )

    def of_product(self, product_id: str, query: ReviewQuery, rating: Document) -> tuple[list[Document], int]:
        """A page of a product's approved reviews and their total number, taken from `rating` where possible."""
        condition: dict[str, Any] = {"product_id": product_id, "status": "approved"}
        if query.rating is not None:
            condition["rating"] = query.rating
        if query.verified is not None:
            condition["verified"] = query.verified
        if query.with_images is not None:
            condition["images.0"] = {"$exists": query.with_images}
        field, direction = SORTS[query.sort]
        cursor = (
            self.reviews.find(condition)
            .sort([(field, direction), ("_id", direction)])
            .skip((query.page - 1) * query.limit)
            .limit(query.limit)
        )
        counted_by_rating = query.verified is None and query.with_images is None
        total = (
            (rating["histogram"][str(query.rating)] if query.rating else rating["count"])
            if counted_by_rating
            else self.reviews.count_documents(condition)
        )
        return list(cursor), total

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
        paging = Paging(query.page, query.limit)
        cursor = self.reviews.find(condition).sort("_id", -1).skip(paging.offset).limit(paging.limit)
        return page(list(cursor), self.reviews.count_documents(condition), paging)

    def get(self, review_id: str) -> Document:
        """A stored review. Raises `NotFound`."""
        review = self.reviews.find_one({"_id": review_id})
        if review is None:
            raise NotFound("There is no such review")
        return review
