"""Votes on reviews and abuse reports."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.caller import Caller
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import PENDING_REASONS, Document, is_author, vote_change
from services.reviews.store.reviews import ReviewWriter

MAX_ATTEMPTS = 5


class VotesAndReports:
    """The collections `votes` and `reports`: one document per person and review."""

    def __init__(self, store: MongoStore, writer: ReviewWriter) -> None:
        self.store = store
        self.writer = writer
        self.reviews = store.db["reviews"]
        self.votes = store.db["votes"]
        self.reports = store.db["reports"]

    def indexes(self) -> None:
        self.votes.create_index("review_id", name="review")
        self.reports.create_index("review_id", name="review")

    def vote(self, review_id: str, helpful: bool, caller: Caller) -> Document:
        """Store a vote or its change; returns the counts. Raises `NotFound`, `Conflict` for the author."""

        def work(session: ClientSession) -> Document:
            self._check(session, review_id, caller, "vote on")
            before = self.votes.find_one_and_update(
                {"_id": f"{review_id}:{caller.user_id}"},
                {"$set": {"helpful": helpful, "review_id": review_id, "user_id": caller.user_id}},
                upsert=True,
                return_document=ReturnDocument.BEFORE,
                session=session,
            )
            step = vote_change(before["helpful"] if before else None, helpful)
            update = {"$inc": step} if step else {"$set": {"_id": review_id}}
            review: Any = self.reviews.find_one_and_update(
                {"_id": review_id}, update, return_document=ReturnDocument.AFTER, session=session
            )
            return {"helpful": review["helpful"], "not_helpful": review["not_helpful"]}

        for _ in range(MAX_ATTEMPTS):
            try:
                return self.store.in_transaction(work)
            except DuplicateKeyError:
                continue  # concurrent requests of the same person
        raise ServiceUnavailable("Too many concurrent votes on this review")

    def report(self, review_id: str, reason: str, caller: Caller, now: datetime) -> None:
        """Store a person's report, once. `hide_after_reports` reports set the review to pending.

        Raises `NotFound`, `Conflict` for the author.
        """

        def change(before: Document, session: ClientSession) -> Document:
            self._check(session, review_id, caller, "report")
            key = f"{review_id}:{caller.user_id}"
            if self.reports.find_one({"_id": key}, session=session):
                return before
            report = {"_id": key, "review_id": review_id, "user_id": caller.user_id, "reason": reason, "at": now}
            self.reports.insert_one(report, session=session)
            after = before | {"reports": before["reports"] + 1}
            limit = self.writer.reference_data.rules(session).hide_after_reports
            if limit and after["reports"] >= limit and not after["moderated"] and after["status"] == "approved":
                after |= {"status": "pending", "reason": PENDING_REASONS["reports"]}
            return after

        for _ in range(MAX_ATTEMPTS):
            try:
                self.writer.change(review_id, change)
                return
            except DuplicateKeyError:
                continue
        raise ServiceUnavailable("Too many concurrent reports of this review")

    def _check(self, session: ClientSession, review_id: str, caller: Caller, action: str) -> None:
        review = self.reviews.find_one({"_id": review_id}, {"customer_id": 1, "status": 1}, session=session)
        if review is None or (review["status"] != "approved" and not is_author(review, caller)):
            raise NotFound("There is no such review")
        if is_author(review, caller):
            raise Conflict(f"Authors cannot {action} their own review")
