"""What others make of a review: votes, one for each, which may change; reports."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.base import Caller
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import WAITS_FOR, Document, is_author, vote_step
from services.reviews.store.writing import Writing

ATTEMPTS = 5


class Voicing:
    """The collections `votes` and `reports`: one document for each person and review."""

    def __init__(self, store: MongoStore, writing: Writing) -> None:
        self.store = store
        self.writing = writing
        self.reviews = store.db["reviews"]
        self.votes = store.db["votes"]
        self.reports = store.db["reports"]

    def indexes(self) -> None:
        self.votes.create_index("review_id", name="review")
        self.reports.create_index("review_id", name="review")

    def vote(self, review_id: str, helpful: bool, caller: Caller) -> Document:
        """Count a vote, or the change of one. Raises `NotFound`, `Conflict` for the own review."""

        def work(session: ClientSession) -> Document:
            self._check(session, review_id, caller, "vote on")
            before = self.votes.find_one_and_update(
                {"_id": f"{review_id}:{caller.user_id}"},
                {"$set": {"helpful": helpful, "review_id": review_id}},
                upsert=True,
                return_document=ReturnDocument.BEFORE,
                session=session,
            )
            step = vote_step(before["helpful"] if before else None, helpful)
            update = {"$inc": step} if step else {"$set": {"_id": review_id}}
            counted: Any = self.reviews.find_one_and_update(
                {"_id": review_id}, update, return_document=ReturnDocument.AFTER, session=session
            )
            return {"helpful": counted["helpful"], "not_helpful": counted["not_helpful"]}

        for _ in range(ATTEMPTS):
            try:
                return self.store.in_transaction(work)
            except DuplicateKeyError:
                continue  # the same person, twice at the same moment
        raise ServiceUnavailable("This review is being voted on by many at the moment")

    def report(self, review_id: str, reason: str, caller: Caller, now: datetime) -> None:
        """Note somebody's report, once; enough of them make the review wait for an administrator.

        Raises `NotFound`, `Conflict` for the own review.
        """

        def change(before: Document, session: ClientSession) -> Document:
            self._check(session, review_id, caller, "report")
            key = f"{review_id}:{caller.user_id}"
            if self.reports.find_one({"_id": key}, session=session):
                return before
            report = {"_id": key, "review_id": review_id, "reason": reason, "at": now}
            self.reports.insert_one(report, session=session)
            after = before | {"reports": before["reports"] + 1}
            limit = self.writing.knowing.rules(session).hide_after_reports
            if limit and after["reports"] >= limit and not after["moderated"] and after["status"] == "approved":
                after |= {"status": "pending", "reason": WAITS_FOR["reports"]}
            return after

        for _ in range(ATTEMPTS):
            try:
                self.writing.change(review_id, change)
                return
            except DuplicateKeyError:
                continue
        raise ServiceUnavailable("This review is being reported by many at the moment")

    def _check(self, session: ClientSession, review_id: str, caller: Caller, what: str) -> None:
        review = self.reviews.find_one({"_id": review_id}, {"customer_id": 1, "status": 1}, session=session)
        if review is None or (review["status"] != "approved" and not is_author(review, caller)):
            raise NotFound("There is no such review")
        if is_author(review, caller):
            raise Conflict(f"One can't {what} one's own review")
