"""Ratings by product: counted up and down with each change of a review, in its transaction."""

from functools import partial
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from schemas.events.reviews import RatingChanged
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import Document, rating

BATCH = 100


class Ratings:
    """The collection `ratings`: `{_id: product, sum, count, stars: {"1": n, …}, version}`."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store
        self.ratings = store.db["ratings"]
        self.reviews = store.db["reviews"]

    def get(self, product_id: str) -> Document:
        return rating(self.ratings.find_one({"_id": product_id}) or {})

    def step(self, session: ClientSession, product_id: str, step: dict[str, int]) -> None:
        """Count, and say so. An empty step is none."""
        if not step:
            return
        counted: Any = self.ratings.find_one_and_update(
            {"_id": product_id},
            {"$inc": {**step, "version": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        self._say(session, counted)

    def mend(self, after: str | None) -> tuple[int, int, str | None]:
        """Count the reviews of the next hundred products anew: (looked at, mended, where to go on).

        Each product is one transaction, so that nothing that is written meanwhile is lost.
        """
        known = self.ratings.find({"_id": {"$gt": after or ""}}, {"_id": 1}).sort("_id").limit(BATCH)
        rated = self.reviews.aggregate(
            [
                {"$match": {"product_id": {"$gt": after or ""}}},
                {"$sort": {"product_id": 1}},
                {"$group": {"_id": "$product_id"}},
                {"$sort": {"_id": 1}},
                {"$limit": BATCH},
            ]
        )
        products = sorted({found["_id"] for found in (*known, *rated)})[:BATCH]
        mended = 0
        for product_id in products:
            mended += self.store.in_transaction(partial(self._mend, product_id=product_id))
        return len(products), mended, products[-1] if len(products) == BATCH else None

    def _mend(self, session: ClientSession, product_id: str) -> int:
        stars: dict[str, int] = {}
        groups: list[dict[str, Any]] = [
            {"$match": {"product_id": product_id, "status": "approved"}},
            {"$group": {"_id": "$rating", "count": {"$sum": 1}}},
        ]
        # Written first: whoever counts at the same moment conflicts with us, and does it again afterwards.
        before: Any = self.ratings.find_one_and_update(
            {"_id": product_id}, {"$inc": {"looked_at": 1}}, upsert=True, return_document=True, session=session
        )
        for group in self.reviews.aggregate(groups, session=session):
            stars[str(group["_id"])] = group["count"]
        right = {
            "sum": sum(int(star) * count for star, count in stars.items()),
            "count": sum(stars.values()),
            "stars": stars,
        }
        if rating(before) == rating(right) and before.get("sum", 0) == right["sum"]:
            return 0
        counted: Any = self.ratings.find_one_and_update(
            {"_id": product_id},
            {"$set": right, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        self._say(session, counted)
        return 1

    def _say(self, session: ClientSession, counted: Document) -> None:
        said = RatingChanged(product_id=counted["_id"], **rating(counted))
        self.store.emit(session, said, sequence=counted["version"])
