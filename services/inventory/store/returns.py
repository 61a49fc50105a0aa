"""Returning sold units to stock: all that is left of an order, or some of its lines.

One transaction changes the reservation and the levels. Transactions are for this rare path alone; holding and selling
must not abort under contention.
"""

from collections.abc import Sequence
from datetime import datetime

from pymongo.client_session import ClientSession

from services.chassis.common.errors import Conflict, NotFound, ServiceUnavailable
from services.inventory.domain import Allocation, Line, allocate_return, check_returnable, merge_lines, remaining
from services.inventory.store.decisions import Decisions, allocations, state, to_documents, to_reply
from services.inventory.store.levels import Document, Levels

DECISION_ATTEMPTS = 20


class Returns:
    """Returns of committed reservations."""

    def __init__(self, decisions: Decisions, levels: Levels) -> None:
        self.decisions = decisions
        self.levels = levels

    def return_lines(self, order_id: str, return_id: str, requested: Sequence[Line], now: datetime) -> Document:
        """Return some units of a committed reservation to the warehouses that they came from.

        Idempotent under `return_id`. Raises `InvalidState` unless the order is committed and has that much left,
        `Conflict` when other lines were returned under this id, `NotFound` without a reservation.
        """
        lines = merge_lines(requested)
        for _ in range(DECISION_ATTEMPTS):
            reservation = self.decisions.find(order_id)
            if reservation is None:
                raise NotFound("Nothing is reserved for this order")
            done = _find_return(reservation, return_id, lines) or self._return(reservation, return_id, lines, now)
            if done:
                return to_reply(done)
        raise ServiceUnavailable("This order's reservation keeps changing")

    def return_rest(self, committed: Document, now: datetime) -> Document | None:
        """Release a committed reservation and return what is left of it; None when it has changed."""
        return self.put_back(committed, left(committed), "released", "returned", now)

    def put_back(
        self,
        reservation: Document,
        back: Sequence[Allocation],
        status: str,
        reason: str,
        now: datetime,
        values: Document | None = None,
    ) -> Document | None:
        """Decide and return the units, in one transaction; None when the reservation has changed."""

        def work(session: ClientSession) -> Document | None:
            decided = self.decisions.decide(reservation, status, reason, now, values, session=session)
            if decided:
                for line in back:
                    self.levels.return_units(line, decided["_id"], decided["token"], session)
            return decided

        return self.decisions.in_transaction(work)

    def _return(self, reservation: Document, return_id: str, lines: Sequence[Line], now: datetime) -> Document | None:
        check_returnable(state(reservation))
        back = allocate_return(left(reservation), lines)
        returns = [*reservation.get("returns", ()), {"return_id": return_id, "lines": to_documents(back)}]
        return self.put_back(reservation, back, "committed", "", now, {"returns": returns})


def left(reservation: Document) -> tuple[Allocation, ...]:
    """The lines of a committed reservation without its returns."""
    returned = [line for done in reservation.get("returns", ()) for line in allocations(done["lines"])]
    return remaining(allocations(reservation["lines"]), returned)


def _find_return(reservation: Document, return_id: str, lines: Sequence[Line]) -> Document | None:
    """The reservation, if it has a return with this id. Raises `Conflict` when that was of other lines."""
    for done in reservation.get("returns", ()):
        if done["return_id"] == return_id:
            if tuple(line.line for line in allocations(done["lines"])) != tuple(lines):
                raise Conflict("Other lines were returned under this id")
            return reservation
    return None
