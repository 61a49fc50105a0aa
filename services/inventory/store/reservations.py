"""Reservations of orders, and why no interleaving oversells.

Two collections. `levels` (one document per SKU, see `pipelines`) says what there is and carries the holds on it.
`reservations` (one document per order, see `decisions`) says what was decided.

Every change of a level is one conditional update; every decision is one conditional update of the reservation. A
decision comes first and the levels follow it; what follows is idempotent, so a repeated call finishes it.

**Token and fence.** Each execution of `reserve` or of a late `commit` places holds under a token of its own, and names
the token in the reservation afterwards: `reserve` by inserting the reservation, a late commit by an update from the
revision that it has made itself, its fence. Each hold carries the fence (0 for `reserve`). So:

1. *A hold counts only if its token is the reservation's.* Any other hold is void: selling it never happens (`sell`
   names the token).
2. *A token gets into a reservation only by the execution that placed its holds, and while it may still get there,
   nobody else frees them.* Others free holds of an order only
   a) after a final decision (released other than by expiry, or committed: then all but the named token), which no
      later decision changes into naming a token;
   b) under a token that a decision has ended (expiry) or that they have fenced off: the sweep raises the revision
      before it looks whether the token is named, so that an execution that has not named it yet never will;
   c) with a fence lower than their own: a decision from the lower revision is refused since then. A process that is
      paused between its fence and this step frees nothing that was held under a later fence.
   So while the reservation is `held`, each of its lines is held under its token; while it is `committed`, each line
   is held under its token or has been deducted.
3. *A reservation never goes back to `held`.* held → committed | released; released(expired) → committed with a new
   token (a late commit that takes the units afresh); committed → committed (some lines returned) |
   released(returned). `revision` grows at each step.

What can happen, line by line:

* `reserve` twice at once: both place holds, one insert wins; the other meets the unique id, frees its own and answers
  as the winner. If the second finds no stock because of the first, it says `ServiceUnavailable` (try again), not
  `OutOfStock`.
* `reserve` late, after commit, release or expiry: its insert meets the reservation and it frees its own holds (1).
* `reserve` fails between two lines: it frees its own holds. If the outcome of its insert is unknown, it frees nothing:
  the token may be named.
* `reserve` killed between hold and insert: the holds are void and end with their time; `release_expired` first makes
  sure that no insert can come any more (it inserts an abandoned reservation, or raises the revision), then frees.
* `commit` twice, or killed between decision and levels: the second finds `committed` and sells what the token still
  holds; nothing if it is sold. If the call is not repeated, `release_expired` finds the hold and the decision.
* `commit` against `release` or expiry: one of the conditional updates on `status: held` wins; the other reads the
  winner's decision. A commit that lost to expiry takes the units afresh if they are there.
* late `commit` twice: each raises the revision first, frees the holds of lower fences, and takes the units under its
  own token; the update from its own revision lets at most one through. One that finds no stock because of the other
  begins again.
* `release` of an unknown order inserts a released reservation: a `reserve` that comes late is refused.
* `release` after `commit`, and `return_lines`: one transaction changes the reservation and returns the units (see
  `returns`); what `sell` has not deducted yet is deducted in the same step, so a late `sell` finds no hold. A second
  release finds `released`, a second return its id; a release returns what earlier returns have left.

`tests/unit/inventory/test_model_check.py` runs this code through all interleavings of two and three executions, with
deaths and failures of the database at any step.
"""

from collections.abc import Sequence
from datetime import datetime

from services.chassis.common.errors import NotFound, OutOfStock, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.inventory.domain import (
    Line,
    check_present,
    check_repeated,
    merge_lines,
    on_commit,
    on_confirmation,
    on_release,
)
from services.inventory.store.decisions import (
    Decisions,
    lines,
    new_release,
    skus,
    state,
    to_documents,
    to_reply,
)
from services.inventory.store.holds import Holds
from services.inventory.store.levels import Document, Hold, Levels
from services.inventory.store.returns import Returns

DECISION_ATTEMPTS = 20


class Reservations:
    """Reserve, commit and release the stock of an order."""

    def __init__(self, decisions: Decisions, levels: Levels, returns: Returns) -> None:
        self.decisions = decisions
        self.levels = levels
        self.returns = returns
        self.holds = Holds(levels)

    def reserve(self, order_id: str, requested: Sequence[Line], now: datetime, until: datetime) -> Document:
        """Reserve all lines or none. Two round trips for one line. Raises `OutOfStock`."""
        lines_requested = merge_lines(requested)
        hold = Hold(order_id, new_id(), until)
        try:
            allocated = self.holds.place(lines_requested, hold)
        except OutOfStock as refused:
            existing = self.decisions.find(order_id)
            if existing is None and self._is_held(refused, order_id):
                raise ServiceUnavailable("This order is being reserved at the moment") from None
            if existing is None:
                raise
            return _repeat_reply(existing, lines_requested)
        reservation = {
            "_id": order_id,
            "status": "held",
            "reason": "",
            "token": hold.token,
            "lines": to_documents(allocated),
            "expires_at": until,
            "created_at": now,
            "changed_at": now,
            "revision": 1,
        }
        if self.decisions.insert(reservation):
            return to_reply(reservation)
        self.levels.free([line.sku for line in lines_requested], order_id, hold.token)
        return _repeat_reply(self.decisions.find(order_id) or {}, lines_requested)

    def commit(self, order_id: str, now: datetime, until: datetime) -> Document:
        """Sell what the order holds. Two round trips. Raises `OutOfStock` when the hold had run out and so has the
        stock, `InvalidState` when it was given back, `NotFound` when there never was one.
        """
        committed = self.decisions.commit_held(order_id, now) or self._commit_not_held(order_id, now, until)
        self.levels.sell(skus(committed), order_id, committed["token"])
        return to_reply(committed)

    def commit_confirmed(self, order_ids: Sequence[str], now: datetime, until: datetime) -> None:
        """Sell what confirmed orders hold: three round trips for all of them. An order that was cancelled meanwhile has
        got its units back, and stays as it is.

        Raises `NotFound` when one of them has no reservation, and as `commit` for one that expired; those that are held
        are sold then too.
        """
        self.decisions.commit_all_held(order_ids, now)
        reservations = self.decisions.find_all(order_ids)
        self.levels.sell_all(
            (sku, reservation["_id"], reservation["token"])
            for reservation in reservations
            if reservation["status"] == "committed"
            for sku in skus(reservation)
        )
        for reservation in reservations:
            if on_confirmation(state(reservation)) == "retake":
                self.commit(reservation["_id"], now, until)
        check_present([reservation["_id"] for reservation in reservations], order_ids)

    def release(self, order_id: str, now: datetime) -> Document:
        """Free what the order reserves, return what was sold to it, or bar a reserve that has not arrived yet."""
        for _ in range(DECISION_ATTEMPTS):
            released = self._release(order_id, self.decisions.find(order_id), now)
            if released:
                self.holds.free_all(order_id)
                return to_reply(released)
        raise ServiceUnavailable("This order's reservation keeps changing")

    def _commit_not_held(self, order_id: str, now: datetime, until: datetime) -> Document:
        for _ in range(DECISION_ATTEMPTS):
            reservation = self.decisions.find(order_id)
            if reservation is None:
                raise NotFound("Nothing is reserved for this order")
            match on_commit(state(reservation)):
                case "settle":
                    return reservation
                case "retake":
                    committed = self._retake(reservation, now, until)
                case _:
                    committed = self.decisions.decide(reservation, "committed", "", now)
            if committed:
                return committed
        raise ServiceUnavailable("This order's reservation keeps changing")

    def _retake(self, expired: Document, now: datetime, until: datetime) -> Document | None:
        """Take the units of an expired reservation again; None when another execution came between."""
        fenced = self.decisions.decide(expired, "released", "expired", now)
        if fenced is None:
            return None
        order_id = expired["_id"]
        hold = Hold(order_id, new_id(), until, fenced["revision"])
        self.holds.free_fenced_before(order_id, hold.fence)
        try:
            allocated = self.holds.place(lines(expired), hold)
        except OutOfStock as refused:
            if self._is_held(refused, order_id) or self.decisions.find(order_id) != fenced:
                return None
            raise
        values = {"token": hold.token, "lines": to_documents(allocated)}
        committed = self.decisions.decide(fenced, "committed", "", now, values)
        if committed is None:
            self.levels.free(skus(expired), order_id, hold.token)
        return committed

    def _release(self, order_id: str, reservation: Document | None, now: datetime) -> Document | None:
        if reservation is None:
            barred = new_release(order_id, "released", now)
            return barred if self.decisions.insert(barred) else None
        match on_release(state(reservation)):
            case "free":
                return self.decisions.decide(reservation, "released", "released", now)
            case "return_units":
                return self.returns.return_rest(reservation, now)
            case _:
                return reservation

    def _is_held(self, refused: OutOfStock, order_id: str) -> bool:
        """Whether the SKU that ran out is held for the same order, by another execution."""
        return self.levels.is_held(refused.details[0]["sku"], order_id)


def _repeat_reply(reservation: Document, requested: Sequence[Line]) -> Document:
    check_repeated(state(reservation), lines(reservation), requested)
    return to_reply(reservation)
