"""Writing reviews: the review, its product's rating and what is said of it, in one transaction each."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from schemas.api.reviews import ImportReview, Moderation, ReviewPatch, ReviewWrite
from schemas.base import Caller, Idempotency
from schemas.events.reviews import ReviewPublished, ReviewRejected, ReviewSubmitted
from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.stores.mongo import MongoStore
from services.reviews.domain import WAITS_FOR, Document, is_author, judge, public_name, rating_step, shown
from services.reviews.store.knowing import Knowing
from services.reviews.store.ratings import Ratings

ATTEMPTS = 5
Change = Callable[[Document, ClientSession], Document]
"""What a review is after a change; what it returns equals what it got when nothing changes."""


class Writing:
    """The collection `reviews`, as its authors and administrators see it."""

    def __init__(self, store: MongoStore, ratings: Ratings, knowing: Knowing) -> None:
        self.store = store
        self.reviews = store.db["reviews"]
        self.ratings = ratings
        self.knowing = knowing

    def submit(
        self,
        product: Document,
        review: ReviewWrite,
        author: str | None,
        caller: Caller,
        now: datetime,
        idempotency: Idempotency | None,
    ) -> Document:
        """A customer's one review of a product. Raises `Conflict` for a second one."""

        def work(session: ClientSession) -> Document:
            if (replay := self.store.claim(session, idempotency)) is not None:
                return dict(replay)
            verified = self.knowing.has_bought(str(caller.user_id), product["_id"], session)
            document = _new(product["_id"], str(caller.user_id), public_name(author), now)
            document |= review.model_dump() | {"email": caller.email, "verified": verified}
            document["status"], document["reason"] = self._judged(document, session)
            self.reviews.insert_one(document, session=session)
            self._say_submitted(session, document)
            self._settle(session, None, document)
            view = shown(document, caller)
            self.store.remember(session, idempotency, view)
            return view

        return self._once(work, "You have reviewed this product: change that review")

    def edit(self, review_id: str, patch: ReviewPatch, caller: Caller, now: datetime) -> Document:
        """The author's change; the review is judged anew. Raises `NotFound` for somebody else's."""

        def change(before: Document, session: ClientSession) -> Document:
            _check_author(before, caller)
            after = before | patch.model_dump(exclude_unset=True) | {"updated_at": now}
            if all(after[name] == before[name] for name in ("rating", "title", "text", "images")):
                return before
            after |= {"moderated": False}
            after["status"], after["reason"] = self._judged(after, session)
            self._say_submitted(session, after)
            return after

        return shown(self.change(review_id, change), caller)

    def delete(self, review_id: str, caller: Caller) -> None:
        """The author's wish, or an administrator's. Raises `NotFound`."""

        def work(session: ClientSession) -> None:
            before = self.reviews.find_one_and_delete({"_id": review_id}, session=session)
            if before is None or not (caller.is_admin or is_author(before, caller)):
                raise NotFound("There is no such review")
            for name in ("votes", "reports"):
                self.store.db[name].delete_many({"review_id": review_id}, session=session)
            self._settle(session, before, None)
            if not is_author(before, caller):
                self.store.audit(session, "review.delete", ("review", review_id), before=_told(before))

        self.store.in_transaction(work)

    def moderate(self, review_id: str, word: Moderation, now: datetime) -> Document:
        """An administrator's word; it stands until the author changes the review. Raises `NotFound`."""

        def change(before: Document, session: ClientSession) -> Document:
            after = before | {"status": word.status, "reason": word.reason, "moderated": True}
            if after == before:
                return before
            self.store.audit(session, "review.moderate", ("review", review_id), _told(before), _told(after))
            return after | {"updated_at": now}

        return self.change(review_id, change)

    def reply(self, review_id: str, reply: Document) -> Document:
        """What the vendor answers; a second answer replaces the first. Raises `NotFound`."""

        def change(before: Document, session: ClientSession) -> Document:
            told = {"reply": (before.get("reply") or {}).get("text")}
            self.store.audit(session, "review.reply", ("review", review_id), told, {"reply": reply["text"]})
            return before | {"reply": reply}

        return self.change(review_id, change)

    def verify(self, customer_id: str, products: Sequence[str], verified: bool) -> None:
        """Somebody's purchase of these has become known, or was undone: their reviews say so, and are judged anew."""
        found = self.reviews.find(
            {"customer_id": customer_id, "product_id": {"$in": list(products)}, "verified": not verified}, {"_id": 1}
        )

        def change(before: Document, session: ClientSession) -> Document:
            after = before | {"verified": verified}
            if not before["moderated"] and before["reason"] != WAITS_FOR["reports"]:
                after["status"], after["reason"] = self._judged(after, session)
            return after

        for review in found:
            self.change(review["_id"], change, missing_ok=True)

    def bring(self, rows: Sequence[ImportReview], now: datetime) -> dict[str, int]:
        """Reviews of another shop, approved as they are; those that are here already stay as they are."""

        def work(session: ClientSession) -> dict[str, int]:
            wanted = {}
            for row in rows:
                customer = str(uuid5(NAMESPACE_URL, f"mailto:{row.author_key.casefold()}"))
                document = _new(row.product_id, customer, public_name(row.author), now)
                document |= row.model_dump(include={"rating", "text", "verified"})
                document |= {"title": row.title or row.text.split(".")[0][:80], "status": "approved", "imported": True}
                document |= {"created_at": row.created_at, "updated_at": row.created_at}
                wanted[customer, row.product_id] = document
            keys = [{"customer_id": customer, "product_id": product} for customer, product in wanted]
            known = self.reviews.find({"$or": keys}, {"customer_id": 1, "product_id": 1}, session=session)
            for found in known:
                wanted.pop((found["customer_id"], found["product_id"]))
            if wanted:
                self.reviews.insert_many(list(wanted.values()), session=session)
            steps: dict[str, dict[str, int]] = {}
            for (_, product_id), document in wanted.items():
                step = steps.setdefault(product_id, {})
                for field, amount in rating_step(None, document).items():
                    step[field] = step.get(field, 0) + amount
            for product_id, step in steps.items():
                self.ratings.step(session, product_id, step)
            return {"created": len(wanted), "unchanged": len(rows) - len(wanted)}

        return self._once(work, "These reviews are being imported at the moment")

    def change(self, review_id: str, change: Change, missing_ok: bool = False) -> Document:
        """Make a review what `change` says, with everything that follows from it. Raises `NotFound`."""

        def work(session: ClientSession) -> Document:
            before = self.reviews.find_one({"_id": review_id}, session=session)
            if before is None:
                if missing_ok:
                    return {}
                raise NotFound("There is no such review")
            after = change(before, session)
            if after is not before:
                self.reviews.replace_one({"_id": review_id}, after, session=session)
                self._settle(session, before, after)
            return after

        return self.store.in_transaction(work)

    def _judged(self, document: Document, session: ClientSession) -> tuple[str, str | None]:
        return judge(self.knowing.rules(session), f"{document['title']}\n{document['text']}", document["verified"])

    def _settle(self, session: ClientSession, before: Document | None, after: Document | None) -> None:
        """The rating, and what is said of a review that is seen from now on, or won't be."""
        review = after or before or {}
        self.ratings.step(session, review["product_id"], rating_step(before, after))
        if after is None or (before is not None and before["status"] == after["status"]):
            return
        facts = {"review_id": after["_id"], "product_id": after["product_id"], "customer_id": after["customer_id"]}
        if after["status"] == "approved":
            product = self.knowing.products.find_one({"_id": after["product_id"]}, {"title": 1}, session=session) or {}
            said = ReviewPublished(
                **facts,
                email=after.get("email"),
                product_title=product.get("title", ""),
                rating=after["rating"],
                verified=after["verified"],
            )
            self.store.emit(session, said)
        elif after["status"] == "rejected":
            self.store.emit(session, ReviewRejected(**facts, reason=after["reason"] or ""))

    def _say_submitted(self, session: ClientSession, review: Document) -> None:
        said = {name: review[name] for name in ("product_id", "customer_id", "rating", "verified", "status")}
        self.store.emit(session, ReviewSubmitted(review_id=review["_id"], **said))

    def _once(self, work: Callable[[ClientSession], Any], taken: str) -> Any:
        """Two at the same moment may both find nothing there: the second looks again, and finds the first."""
        for _ in range(ATTEMPTS):
            try:
                return self.store.in_transaction(work)
            except DuplicateKeyError as twin:
                if "customer_id" in ((twin.details or {}).get("keyPattern") or {}):
                    raise Conflict(taken) from twin
        raise ServiceUnavailable("This product is being reviewed by many at the moment")


def _new(product_id: str, customer_id: str, author: str, now: datetime) -> Document:
    return {
        "_id": new_id(),
        "product_id": product_id,
        "customer_id": customer_id,
        "author": author,
        "email": None,
        "verified": False,
        "status": "pending",
        "reason": None,
        "moderated": False,
        "helpful": 0,
        "not_helpful": 0,
        "reports": 0,
        "images": [],
        "reply": None,
        "created_at": now,
        "updated_at": now,
    }


def _check_author(review: Document, caller: Caller) -> None:
    if not is_author(review, caller):
        raise NotFound("There is no such review")


def _told(review: Document) -> Document:
    """What the audit trail is told of a review."""
    return {name: review[name] for name in ("status", "reason", "rating", "title")}
