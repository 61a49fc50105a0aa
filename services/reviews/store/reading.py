"""Reading reviews: each list is one indexed query."""

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


class Reading:
    """The collection `reviews`."""

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

    def of_product(self, product_id: str, query: ReviewQuery, rated: Document) -> tuple[list[Document], int]:
        """A page of a product's approved reviews, and how many there are. `rated` is what its rating says."""
        condition: dict[str, Any] = {"product_id": product_id, "status": "approved"}
        if query.rating is not None:
            condition["rating"] = query.rating
        if query.verified is not None:
            condition["verified"] = query.verified
        if query.with_images is not None:
            condition["images.0"] = {"$exists": query.with_images}
        field, direction = SORTS[query.sort]
        found = (
            self.reviews.find(condition)
            .sort([(field, direction), ("_id", direction)])
            .skip((query.page - 1) * query.limit)
            .limit(query.limit)
        )
        plain = query.verified is None and query.with_images is None
        total = (
            (rated["histogram"][str(query.rating)] if query.rating else rated["count"])
            if plain
            else self.reviews.count_documents(condition)
        )
        return list(found), total

    def all(self, query: ReviewsQuery, customer_id: str | None) -> Document:
        """A page of one customer's reviews, or of everybody's, the newest first; `items` are as they are stored."""
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
        found = self.reviews.find(condition).sort("_id", -1).skip(paging.offset).limit(paging.limit)
        return page(list(found), self.reviews.count_documents(condition), paging)

    def get(self, review_id: str) -> Document:
        """One stored review. Raises `NotFound`."""
        found = self.reviews.find_one({"_id": review_id})
        if found is None:
            raise NotFound("There is no such review")
        return found
