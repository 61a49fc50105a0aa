"""Reservations of orders, and why no interleaving oversells.

Two collections. `levels` (one document per SKU, see `pipelines`) says what there is and carries the holds on it.
`reservations` (one document per order) says what was decided:
`{_id: order, status: held|committed|released, reason, token, lines: [{sku, quantity, takes}], expires_at, revision}`.

Every change of a level is one conditional update; every decision is one conditional update of the reservation. A
decision comes first and the levels follow it; what follows is idempotent, so a repeated call finishes it.

**The token.** Each execution of `reserve` places holds under a token of its own, then inserts the reservation that
names the token. So:

1. *A hold counts only if its token is the reservation's.* Any other hold is void: freeing it is always right, selling
   it never happens (`sell` names the token).
2. *A token gets into a reservation only by the execution that placed its holds, and no other frees them
   while it may still name them.* So while the reservation says `held`, each of its lines is held under its token.
3. *A reservation never goes back to `held`.* held → committed | released; released(expired) → committed with a new
   token (a late commit that takes the units afresh); committed → released(returned). `revision` grows at each step.

What can happen, line by line:

* `reserve` twice at once: both place holds, one insert wins; the other meets the unique id, frees its own and answers
  as the winner. If the second finds no stock because of the first, it says `ServiceUnavailable` (try again), not
  `OutOfStock`.
* `reserve` late, after commit, release or expiry: its insert meets the reservation and it frees its own holds (1).
* `reserve` killed between hold and insert: the holds are void and end with their time; `release_expired` first makes
  sure that no insert can come any more (it inserts an abandoned reservation, or bumps the revision), then frees.
* `commit` twice, or killed between decision and levels: the second finds `committed` and sells what the token still
  holds; nothing if it is sold. If the call is not repeated, `release_expired` finds the hold and the decision.
* `commit` against `release` or expiry: one of the conditional updates on `status: held` wins; the other reads the
  winner's word. A commit that lost to expiry takes the units afresh if they are there.
* late `commit` twice: each first bumps the revision, so that the other can't name its holds any more, frees what the
  other held, and takes the units under its own token; the update from its own revision lets one through. A sweep
  that frees a stale unnamed hold bumps the revision first as well (2).
* `release` of an unknown order inserts a released reservation: a `reserve` that comes late is refused.
* `release` after `commit`: one transaction flips the reservation and puts each line back on hand (or frees it where
  `sell` has not come by yet); a second release finds `released`, a late `sell` finds no hold. Transactions are for
  this rare path alone; holding and selling must not abort under contention.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import NotFound, OutOfStock, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.inventory.domain import Line, Reason, ReservationState, check_repeated, merge_lines, on_commit, on_release
from services.inventory.store.levels import Document, HeldLine, Levels

DECISION_ATTEMPTS = 20
SWEEP_LIMIT = 500
"""Maximum number of reservations handled by one sweep."""


class Reservations:
    """Reservations of orders and their decisions."""

    def __init__(self, collection: Collection[Document], levels: Levels) -> None:
        self.reservations = collection
        self.levels = levels

    def indexes(self) -> None:
        self.reservations.create_index("expires_at", partialFilterExpression={"status": "held"}, name="expiring")

    def reserve(self, order_id: str, requested: Sequence[Line], now: datetime, until: datetime) -> Document:
        """Reserve all lines or none. Two round trips for one line. Raises `OutOfStock`."""
        lines = merge_lines(requested)
        token = new_id()
        holds: list[HeldLine] = []
        for line in lines:
            try:
                holds.append(self.levels.hold(line, order_id, token, until))
            except OutOfStock:
                self._free(holds, order_id, token)
                existing = self.reservations.find_one({"_id": order_id})
                if existing is None and self.levels.is_held(line.sku, order_id):
                    raise ServiceUnavailable("This order is being reserved at the moment") from None
                if existing is None:
                    raise
                return self._repeat_reply(existing, lines)
        reservation = {
            "_id": order_id,
            "status": "held",
            "reason": "",
            "token": token,
            "lines": [held.to_document() for held in holds],
            "expires_at": until,
            "created_at": now,
            "revision": 1,
        }
        try:
            self.reservations.insert_one(reservation)
        except DuplicateKeyError:
            self._free(holds, order_id, token)
            return self._repeat_reply(self.reservations.find_one({"_id": order_id}) or {}, lines)
        return _reply(reservation)

    def commit(self, order_id: str, now: datetime, until: datetime) -> Document:
        """Sell what the order holds. Two round trips. Raises `OutOfStock` when the hold had run out and so has the
        stock, `InvalidState` when it was given back, `NotFound` when there never was one.
        """
        held = self.reservations.find_one_and_update(
            {"_id": order_id, "status": "held"},
            {"$set": {"status": "committed", "committed_at": now}, "$inc": {"revision": 1}},
            return_document=ReturnDocument.AFTER,
        )
        committed = held or self._commit_not_held(order_id, now, until)
        self.levels.sell([line["sku"] for line in committed["lines"]], order_id, committed["token"])
        return _reply(committed)

    def release(self, order_id: str, now: datetime) -> Document:
        """Free what the order reserves, return what was sold to it, or bar a reserve that has not arrived yet."""
        for _ in range(DECISION_ATTEMPTS):
            reservation = self.reservations.find_one({"_id": order_id})
            done = self._release(order_id, reservation, now)
            if done:
                self.levels.free_all(order_id)
                return _reply(done)
        raise ServiceUnavailable("This order's reservation keeps changing")

    def release_expired(self, now: datetime) -> int:
        """Release expired reservations, and holds left by executions that died."""
        ended = 0
        while ended < SWEEP_LIMIT:
            expired = self.reservations.find_one_and_update(
                {"status": "held", "expires_at": {"$lte": now}},
                {"$set": {"status": "released", "reason": "expired", "ended_at": now}, "$inc": {"revision": 1}},
                return_document=ReturnDocument.AFTER,
            )
            if expired is None:
                break
            skus = [line["sku"] for line in expired["lines"]]
            self.levels.free(skus, expired["_id"], expired["token"], "expired")
            ended += 1
        for sku, hold in self.levels.stale_holds(now, SWEEP_LIMIT):
            self._end_stale(sku, hold, now)
        return ended

    def _end_stale(self, sku: str, hold: Document, now: datetime) -> None:
        """End an expired hold according to its order's decision; without a decision it is released."""
        order_id = hold["order_id"]
        reservation = self.reservations.find_one_and_update(
            {"_id": order_id},
            {"$inc": {"revision": 1}, "$setOnInsert": _empty_release("abandoned", now)},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        if reservation is None:  # an upsert always returns it
            return
        if reservation["token"] != hold["token"] or reservation["status"] == "released":
            self.levels.free([sku], order_id, hold["token"], "expired")
        elif reservation["status"] == "committed":
            self.levels.sell([sku], order_id, hold["token"])

    def _commit_not_held(self, order_id: str, now: datetime, until: datetime) -> Document:
        for _ in range(DECISION_ATTEMPTS):
            reservation = self.reservations.find_one({"_id": order_id})
            if reservation is None:
                raise NotFound("Nothing is reserved for this order")
            match on_commit(_state(reservation)):
                case "settle":
                    return reservation
                case "retake":
                    committed = self._retake(reservation, now, until)
                case _:
                    committed = self._decide(reservation, "committed", "", now)
            if committed:
                return committed
        raise ServiceUnavailable("This order's reservation keeps changing")

    def _retake(self, expired: Document, now: datetime, until: datetime) -> Document | None:
        """Take the units of an expired reservation again; None when the reservation changed meanwhile."""
        order_id, token = expired["_id"], new_id()
        fenced = self._decide(expired, "released", "expired", now)
        if fenced is None:
            return None
        self.levels.free_all(order_id)  # no other late commit can name its holds any more
        holds: list[HeldLine] = []
        try:
            for line in _lines(expired):
                holds.append(self.levels.hold(line, order_id, token, until))
        except OutOfStock:
            self._free(holds, order_id, token)
            if self.reservations.find_one({"_id": order_id, "revision": fenced["revision"]}):
                raise
            return None
        lines = [held.to_document() for held in holds]
        committed = self._decide(fenced, "committed", "", now, {"token": token, "lines": lines})
        if committed is None:
            self._free(holds, order_id, token)
        return committed

    def _release(self, order_id: str, reservation: Document | None, now: datetime) -> Document | None:
        if reservation is None:
            return self._block_reserve(order_id, now)
        match on_release(_state(reservation)):
            case "free":
                return self._decide(reservation, "released", "released", now)
            case "return_units":
                return self._return_stock(reservation, now)
            case _:
                return reservation

    def _return_stock(self, committed: Document, now: datetime) -> Document | None:
        def work(session: ClientSession) -> Document | None:
            returned = self._decide(committed, "released", "returned", now, session=session)
            if returned:
                for line in returned["lines"]:
                    self.levels.return_units(session, line, returned["_id"], returned["token"])
            return returned

        with self.reservations.database.client.start_session() as session:
            return session.with_transaction(work)

    def _block_reserve(self, order_id: str, now: datetime) -> Document | None:
        """Prevent a later reserve for an order that is over."""
        barred = {"_id": order_id, "revision": 1, **_empty_release("released", now)}
        try:
            self.reservations.insert_one(barred)
        except DuplicateKeyError:
            return None
        return barred

    def _decide(
        self,
        reservation: Document,
        status: str,
        reason: str,
        now: datetime,
        values: Document | None = None,
        session: ClientSession | None = None,
    ) -> Document | None:
        """Change the reservation from exactly the known state; None when it has changed."""
        return self.reservations.find_one_and_update(
            {"_id": reservation["_id"], "revision": reservation["revision"]},
            {
                "$set": {"status": status, "reason": reason, "changed_at": now, **(values or {})},
                "$inc": {"revision": 1},
            },
            return_document=ReturnDocument.AFTER,
            session=session,
        )

    def _free(self, holds: Sequence[HeldLine], order_id: str, token: str) -> None:
        self.levels.free([held.line.sku for held in holds], order_id, token)

    def _repeat_reply(self, reservation: Document, requested: Sequence[Line]) -> Document:
        check_repeated(_state(reservation), _lines(reservation), requested)
        return _reply(reservation)


def _empty_release(reason: Reason, now: datetime) -> Document:
    """A released reservation for an order that never had one, so that a later reserve is refused."""
    return {
        "status": "released",
        "reason": reason,
        "token": None,
        "lines": [],
        "expires_at": None,
        "created_at": now,
    }


def _state(reservation: Document) -> ReservationState:
    return ReservationState(reservation["status"], reservation["reason"])


def _lines(reservation: Document) -> tuple[Line, ...]:
    return tuple(Line(line["sku"], line["quantity"]) for line in reservation["lines"])


def _reply(reservation: Document) -> Document:
    expires: Any = reservation["expires_at"]
    return {
        "order_id": reservation["_id"],
        "status": reservation["status"],
        "expires_at": rfc3339(expires) if expires and reservation["status"] == "held" else None,
    }
