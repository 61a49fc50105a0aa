"""The `reservations` collection: each method is one read, or one conditional update of an order's decision.

A reservation: `{_id: order, status: held|committed|released, reason, token, lines: [{sku, quantity, takes}],
returns: [{return_id, lines}], expires_at, created_at, changed_at, revision}`. `revision` grows with each change.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from services.chassis.common.clock import rfc3339
from services.inventory.domain import Allocation, Line, Reason, ReservationState
from services.inventory.store.levels import Document, to_takes

T = TypeVar("T")


class Decisions:
    """Decisions about the reservation of each order."""

    def __init__(self, collection: Collection[Document]) -> None:
        self.reservations = collection

    def indexes(self) -> None:
        self.reservations.create_index("expires_at", partialFilterExpression={"status": "held"}, name="expiring")
        self.reservations.create_index("changed_at", name="changed")

    def seed(self) -> None:
        """Date reservations that were written without `changed_at`, so that their retention ends."""
        earlier = {"$ifNull": ["$committed_at", {"$ifNull": ["$ended_at", "$created_at"]}]}
        self.reservations.update_many({"changed_at": None}, [{"$set": {"changed_at": earlier}}])

    def find(self, order_id: str) -> Document | None:
        return self.reservations.find_one({"_id": order_id})

    def insert(self, reservation: Document) -> bool:
        """Insert the reservation of an order; False when it has one."""
        try:
            self.reservations.insert_one(reservation)
        except DuplicateKeyError:
            return False
        return True

    def commit_held(self, order_id: str, now: datetime) -> Document | None:
        """Commit a held reservation; None when it is not held."""
        return self.reservations.find_one_and_update(
            {"_id": order_id, "status": "held"},
            {"$set": {"status": "committed", "changed_at": now}, "$inc": {"revision": 1}},
            return_document=ReturnDocument.AFTER,
        )

    def find_all(self, order_ids: Sequence[str]) -> list[Document]:
        return list(self.reservations.find({"_id": {"$in": list(order_ids)}}))

    def commit_all_held(self, order_ids: Sequence[str], now: datetime) -> None:
        """Commit those of the reservations that are held; each is one atomic change."""
        self.reservations.update_many(
            {"_id": {"$in": list(order_ids)}, "status": "held"},
            {"$set": {"status": "committed", "changed_at": now}, "$inc": {"revision": 1}},
        )

    def overdue(self, now: datetime, limit: int) -> list[Document]:
        """Held reservations whose time is over."""
        return list(self.reservations.find({"status": "held", "expires_at": {"$lte": now}}).limit(limit))

    def extend(self, order_id: str, until: datetime, session: ClientSession | None = None) -> bool:
        """Prolong a held reservation; False when it is not held any more."""
        prolonged = self.reservations.update_one(
            {"_id": order_id, "status": "held"}, {"$set": {"expires_at": until}}, session=session
        )
        return prolonged.matched_count > 0

    def expire(self, order_id: str, now: datetime) -> Document | None:
        """Release a held reservation of an order that does not live; None when it is not held."""
        return self.reservations.find_one_and_update(
            {"_id": order_id, "status": "held"},
            {"$set": {"status": "released", "reason": "expired", "changed_at": now}, "$inc": {"revision": 1}},
            return_document=ReturnDocument.AFTER,
        )

    def decide(
        self,
        reservation: Document,
        status: str,
        reason: str,
        now: datetime,
        values: Document | None = None,
        session: ClientSession | None = None,
    ) -> Document | None:
        """Change the reservation from exactly the known revision; None when it has changed."""
        return self.reservations.find_one_and_update(
            {"_id": reservation["_id"], "revision": reservation["revision"]},
            {
                "$set": {"status": status, "reason": reason, "changed_at": now, **(values or {})},
                "$inc": {"revision": 1},
            },
            return_document=ReturnDocument.AFTER,
            session=session,
        )

    def fence(self, order_id: str, now: datetime) -> Document:
        """Raise the revision, so that no execution that knows a lower one can decide; an order without a reservation
        gets a released one.
        """
        absent = new_release(order_id, "abandoned", now)
        fenced = self.reservations.find_one_and_update(
            {"_id": order_id},
            {
                "$inc": {"revision": 1},
                "$setOnInsert": {k: v for k, v in absent.items() if k not in ("_id", "revision")},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert fenced is not None, "an upsert returns the document"
        return fenced

    def ended(self, before: datetime, limit: int) -> list[str]:
        """Orders whose reservation was committed or released and has not changed since."""
        ended = {"changed_at": {"$lte": before}, "status": {"$in": ["committed", "released"]}}
        return [
            reservation["_id"]
            for reservation in self.reservations.find(ended, {"_id": 1}).sort("changed_at").limit(limit)
        ]

    def delete(self, order_ids: Iterable[str], before: datetime) -> int:
        """Delete reservations that have not changed since; returns how many.

        From then on the units sold can't be added up from the reservations: `pruned` says so to `ultramarket verify`.
        """
        unchanged = {"_id": {"$in": list(order_ids)}, "changed_at": {"$lte": before}}
        if self.reservations.find_one({**unchanged, "status": "committed"}, {"_id": 1}):
            pruned = self.reservations.database["pruned"]
            pruned.update_one({"_id": "committed"}, {"$set": {"until": before}}, upsert=True)
        return self.reservations.delete_many(unchanged).deleted_count

    def in_transaction(self, work: Callable[[ClientSession], T]) -> T:
        """Run `work(session)` in one transaction; run again as a whole when it conflicts with another change."""
        with self.reservations.database.client.start_session() as session:
            return session.with_transaction(work)


def new_release(order_id: str, reason: Reason, now: datetime) -> Document:
    """A released reservation for an order that never had one, so that a later reserve is refused."""
    return {
        "_id": order_id,
        "status": "released",
        "reason": reason,
        "token": None,
        "lines": [],
        "expires_at": None,
        "created_at": now,
        "changed_at": now,
        "revision": 1,
    }


def state(reservation: Document) -> ReservationState:
    return ReservationState(reservation["status"], reservation["reason"])


def allocations(lines: Iterable[Document]) -> tuple[Allocation, ...]:
    return tuple(Allocation(line["sku"], to_takes(line["takes"])) for line in lines)


def to_documents(allocated: Iterable[Allocation]) -> list[Document]:
    return [
        {"sku": line.sku, "quantity": line.quantity, "takes": [vars(take) for take in line.takes]} for line in allocated
    ]


def lines(reservation: Document) -> tuple[Line, ...]:
    return tuple(line.line for line in allocations(reservation["lines"]))


def skus(reservation: Document) -> Sequence[str]:
    return [line["sku"] for line in reservation["lines"]]


def to_reply(reservation: Document) -> Document:
    """A reservation as an API resource."""
    expires: Any = reservation["expires_at"]
    return {
        "order_id": reservation["_id"],
        "status": reservation["status"],
        "expires_at": rfc3339(expires) if expires and reservation["status"] == "held" else None,
    }
