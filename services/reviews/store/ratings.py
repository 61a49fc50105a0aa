"""Product ratings: incremented in the transaction of each review change, and rebuilt on request."""

from functools import partial
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from schemas.events.reviews import RatingChanged
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import Document, rating

BATCH_SIZE = 100


class Ratings:
    """The collection `ratings`: `{_id: product, sum, count, stars: {"1": n, …}, version}`."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store
        self.ratings = store.db["ratings"]
        self.reviews = store.db["reviews"]

    def get(self, product_id: str) -> Document:
        """The rating of a product; zeros without reviews."""
        return rating(self.ratings.find_one({"_id": product_id}) or {})

    def step(self, session: ClientSession, product_id: str, step: dict[str, int]) -> None:
        """Apply increments and publish `rating_changed`; an empty step does nothing."""
        if not step:
            return
        sums: Any = self.ratings.find_one_and_update(
            {"_id": product_id},
            {"$inc": {**step, "version": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        self._emit_changed(session, sums)

    def rebuild_batch(self, after: str | None) -> tuple[int, int, str | None]:
        """Recount the reviews of the next hundred products: (checked, corrected, cursor of the next batch or None).

        One transaction per product, so that concurrent changes are not lost.
        """
        rated_products = self.ratings.find({"_id": {"$gt": after or ""}}, {"_id": 1}).sort("_id").limit(BATCH_SIZE)
        reviewed_products = self.reviews.aggregate(
            [
                {"$match": {"product_id": {"$gt": after or ""}}},
                {"$sort": {"product_id": 1}},
                {"$group": {"_id": "$product_id"}},
                {"$sort": {"_id": 1}},
                {"$limit": BATCH_SIZE},
            ]
        )
        products = sorted({row["_id"] for row in (*rated_products, *reviewed_products)})[:BATCH_SIZE]
        corrected = 0
        for product_id in products:
            corrected += self.store.in_transaction(partial(self._rebuild, product_id=product_id))
        return len(products), corrected, products[-1] if len(products) == BATCH_SIZE else None

    def _rebuild(self, session: ClientSession, product_id: str) -> int:
        stars: dict[str, int] = {}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"product_id": product_id, "status": "approved"}},
            {"$group": {"_id": "$rating", "count": {"$sum": 1}}},
        ]
        # Write first: concurrent changes of the rating conflict with this transaction and are retried after it.
        before: Any = self.ratings.find_one_and_update(
            {"_id": product_id}, {"$inc": {"looked_at": 1}}, upsert=True, return_document=True, session=session
        )
        for group in self.reviews.aggregate(pipeline, session=session):
            stars[str(group["_id"])] = group["count"]
        recounted = {
            "sum": sum(int(star) * count for star, count in stars.items()),
            "count": sum(stars.values()),
            "stars": stars,
        }
        if rating(before) == rating(recounted) and before.get("sum", 0) == recounted["sum"]:
            return 0
        sums: Any = self.ratings.find_one_and_update(
            {"_id": product_id},
            {"$set": recounted, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        self._emit_changed(session, sums)
        return 1

    def _emit_changed(self, session: ClientSession, sums: Document) -> None:
        event = RatingChanged(product_id=sums["_id"], **rating(sums))
        self.store.emit(session, event, sequence=sums["version"])
