"""Changes of reviews: review, rating and events in one transaction each."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.api.reviews import ImportReview, Moderation, ReviewPatch, ReviewWrite
from schemas.base import Idempotency
from schemas.caller import Caller
from schemas.events.reviews import ReviewPublished, ReviewRejected, ReviewSubmitted
from schemas.permissions.permission import Permission
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import (
    PENDING_REASONS,
    Document,
    initial_status,
    is_author,
    may_see,
    new_review,
    public_name,
    rating_change,
    to_api,
    version_of,
)
from services.reviews.store.ratings import Ratings
from services.reviews.store.reference_data import ReferenceData

MAX_ATTEMPTS = 5
Change = Callable[[Document, ClientSession], Document]
"""Returns the changed review, or the same object if nothing changes."""


class ReviewWriter:
    """Write access to the collection `reviews` for authors and administrators."""

    def __init__(self, store: MongoStore, ratings: Ratings, reference_data: ReferenceData) -> None:
        self.store = store
        self.reviews = store.db["reviews"]
        self.ratings = ratings
        self.reference_data = reference_data

    def submit(
        self,
        product: Document,
        review: ReviewWrite,
        author: str | None,
        caller: Caller,
        now: datetime,
        idempotency: Idempotency | None,
    ) -> Document:
        """Create a customer's review of a product. Raises `Conflict` if there is one."""

        def work(session: ClientSession) -> Document:
            if (replay := self.store.claim(session, idempotency)) is not None:
                return dict(replay)
            verified = self.reference_data.has_bought(str(caller.user_id), product["_id"], session)
            document = new_review(new_id(), product["_id"], str(caller.user_id), public_name(author), now)
            document |= review.model_dump() | {"email": caller.email, "verified": verified}
            document["status"], document["reason"] = self._status_of(document, session)
            self.reviews.insert_one(document, session=session)
            self._emit_submitted(session, document)
            self._apply_effects(session, None, document)
            view = to_api(document, caller)
            self.store.remember(session, idempotency, view)
            return view

        return self._retry_duplicates(work, "You have already reviewed this product: change that review")

    def edit(
        self, review_id: str, patch: ReviewPatch, caller: Caller, now: datetime, expected_version: int | None = None
    ) -> Document:
        """Change the caller's review; its status is determined anew. Raises `NotFound` for others' reviews,
        `PreconditionFailed`.
        """

        def change(before: Document, session: ClientSession) -> Document:
            _check_author(before, caller)
            check_version(expected_version, version_of(before))
            after = before | patch.model_dump(exclude_unset=True) | {"updated_at": now}
            if all(after[name] == before[name] for name in ("rating", "title", "text", "images")):
                return before
            after |= {"moderated": False}
            after["status"], after["reason"] = self._status_of(after, session)
            self._emit_submitted(session, after)
            return after

        return to_api(self.change(review_id, change), caller)

    def delete(self, review_id: str, caller: Caller, expected_version: int | None = None) -> None:
        """Delete the caller's review; administrators delete any. Raises `NotFound`, `PreconditionFailed`."""

        def work(session: ClientSession) -> None:
            before = self.reviews.find_one_and_delete({"_id": review_id}, session=session)
            if before is None or not (caller.may(Permission.REVIEWS_MODERATE) or is_author(before, caller)):
                raise NotFound("There is no such review")
            check_version(expected_version, version_of(before))
            for name in ("votes", "reports"):
                self.store.db[name].delete_many({"review_id": review_id}, session=session)
            self._apply_effects(session, before, None)
            if not is_author(before, caller):
                self.store.audit(session, "review.delete", ("review", review_id), before=_audited_fields(before))

        self.store.in_transaction(work)

    def moderate(self, review_id: str, moderation: Moderation, now: datetime) -> Document:
        """Set the status by an administrator; valid until the author changes the review. Raises `NotFound`."""

        def change(before: Document, session: ClientSession) -> Document:
            after = before | {"status": moderation.status, "reason": moderation.reason, "moderated": True}
            if after == before:
                return before
            self.store.audit(
                session, "review.moderate", ("review", review_id), _audited_fields(before), _audited_fields(after)
            )
            return after | {"updated_at": now}

        return self.change(review_id, change)

    def reply(self, review_id: str, reply: Document, caller: Caller) -> Document:
        """Store the vendor's reply, replacing an earlier one. Raises `NotFound`, also for a review that the caller may
        not read.
        """

        def change(before: Document, session: ClientSession) -> Document:
            if not may_see(before, caller):
                raise NotFound("There is no such review")
            previous = {"reply": (before.get("reply") or {}).get("text")}
            self.store.audit(session, "review.reply", ("review", review_id), previous, {"reply": reply["text"]})
            return before | {"reply": reply}

        return self.change(review_id, change)

    def verify(self, customer_id: str, products: Sequence[str], verified: bool) -> None:
        """Set `verified` of the customer's reviews of these products and determine their status anew."""
        reviews = self.reviews.find(
            {"customer_id": customer_id, "product_id": {"$in": list(products)}, "verified": not verified}, {"_id": 1}
        )

        def change(before: Document, session: ClientSession) -> Document:
            after = before | {"verified": verified}
            if not before["moderated"] and before["reason"] != PENDING_REASONS["reports"]:
                after["status"], after["reason"] = self._status_of(after, session)
            return after

        for review in reviews:
            self.change(review["_id"], change, missing_ok=True)

    def import_reviews(self, rows: Sequence[ImportReview], now: datetime) -> dict[str, int]:
        """Import approved reviews of another shop; existing ones are left unchanged."""

        def work(session: ClientSession) -> dict[str, int]:
            new_reviews = {}
            for row in rows:
                customer = str(uuid5(NAMESPACE_URL, f"mailto:{row.author_key.casefold()}"))
                document = new_review(new_id(), row.product_id, customer, public_name(row.author), now)
                document |= row.model_dump(include={"rating", "text", "verified"})
                document |= {"title": row.title or row.text.split(".")[0][:80], "status": "approved", "imported": True}
                document |= {"created_at": row.created_at, "updated_at": row.created_at}
                new_reviews[customer, row.product_id] = document
            keys = [{"customer_id": customer, "product_id": product} for customer, product in new_reviews]
            existing = self.reviews.find({"$or": keys}, {"customer_id": 1, "product_id": 1}, session=session)
            for review in existing:
                new_reviews.pop((review["customer_id"], review["product_id"]))
            if new_reviews:
                self.reviews.insert_many(list(new_reviews.values()), session=session)
            steps: dict[str, dict[str, int]] = {}
            for (_, product_id), document in new_reviews.items():
                step = steps.setdefault(product_id, {})
                for field, amount in rating_change(None, document).items():
                    step[field] = step.get(field, 0) + amount
            for product_id, step in steps.items():
                self.ratings.step(session, product_id, step)
            return {"created": len(new_reviews), "unchanged": len(rows) - len(new_reviews)}

        return self._retry_duplicates(work, "These reviews are being imported by another request")

    def change(self, review_id: str, change: Change, missing_ok: bool = False) -> Document:
        """Apply `change` to a review, with its effects on rating and events. Raises `NotFound`."""

        def work(session: ClientSession) -> Document:
            before = self.reviews.find_one({"_id": review_id}, session=session)
            if before is None:
                if missing_ok:
                    return {}
                raise NotFound("There is no such review")
            after = change(before, session)
            if after is not before:
                after = after | {"version": version_of(before) + 1}
                self.reviews.replace_one({"_id": review_id}, after, session=session)
                self._apply_effects(session, before, after)
            return after

        return self.store.in_transaction(work)

    def _status_of(self, document: Document, session: ClientSession) -> tuple[str, str | None]:
        return initial_status(
            self.reference_data.rules(session), f"{document['title']}\n{document['text']}", document["verified"]
        )

    def _apply_effects(self, session: ClientSession, before: Document | None, after: Document | None) -> None:
        """Update the rating, and publish `review_published` or `review_rejected` on a change of status."""
        review = after or before or {}
        self.ratings.step(session, review["product_id"], rating_change(before, after))
        if after is None or (before is not None and before["status"] == after["status"]):
            return
        facts = {"review_id": after["_id"], "product_id": after["product_id"], "customer_id": after["customer_id"]}
        if after["status"] == "approved":
            product = (
                self.reference_data.products.find_one({"_id": after["product_id"]}, {"title": 1}, session=session) or {}
            )
            event_fields = ReviewPublished(
                **facts,
                email=after.get("email"),
                product_title=product.get("title", ""),
                rating=after["rating"],
                verified=after["verified"],
            )
            self.store.emit(session, event_fields)
        elif after["status"] == "rejected":
            self.store.emit(session, ReviewRejected(**facts, reason=after["reason"] or ""))

    def _emit_submitted(self, session: ClientSession, review: Document) -> None:
        event_fields = {name: review[name] for name in ("product_id", "customer_id", "rating", "verified", "status")}
        self.store.emit(session, ReviewSubmitted(review_id=review["_id"], **event_fields))

    def _retry_duplicates(self, work: Callable[[ClientSession], Any], conflict_message: str) -> Any:
        """Retry after duplicate keys of concurrent requests. Raises `Conflict` if the customer's review exists."""
        for _ in range(MAX_ATTEMPTS):
            try:
                return self.store.in_transaction(work)
            except DuplicateKeyError as duplicate:
                if "customer_id" in ((duplicate.details or {}).get("keyPattern") or {}):
                    raise Conflict(conflict_message) from duplicate
        raise ServiceUnavailable("Too many concurrent reviews of this product")


def _check_author(review: Document, caller: Caller) -> None:
    if not is_author(review, caller):
        raise NotFound("There is no such review")


def _audited_fields(review: Document) -> Document:
    """The fields of a review that are recorded in the audit trail."""
    return {name: review[name] for name in ("status", "reason", "rating", "title")}
