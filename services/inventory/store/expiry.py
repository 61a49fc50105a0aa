"""The end of reservations by time: overdue ones, holds of executions that died, and old reservations.

A hold can't run out while its order lives: inventory asks orders about overdue reservations by an event, prolongs them,
and releases one only when orders has answered that its order does not live (`expire`).
"""

from collections.abc import Callable
from datetime import datetime

from pymongo.client_session import ClientSession

from schemas.events.base import Event
from schemas.events.inventory import ReservationOverdue
from services.inventory.store.decisions import Decisions, skus
from services.inventory.store.levels import Document, Levels

SWEEP_LIMIT = 500
"""Maximum number of reservations handled by one sweep."""

Emit = Callable[[ClientSession, Event], None]


class Expiry:
    """Sweeps over reservations and holds; each can be repeated, and run at the same time as any other step."""

    def __init__(self, decisions: Decisions, levels: Levels, emit: Emit) -> None:
        self.decisions = decisions
        self.levels = levels
        self._emit = emit

    def ask(self, now: datetime, again: datetime) -> int:
        """Publish `reservation_overdue` for each overdue reservation, and hold it until it is asked about `again`;
        returns how many.
        """
        overdue = self.decisions.overdue(now, SWEEP_LIMIT)
        for reservation in overdue:
            self._publish(reservation["_id"], again)
            self.levels.extend(skus(reservation), reservation["_id"], reservation["token"], again)
        return len(overdue)

    def expire(self, order_id: str, now: datetime) -> None:
        """Release the reservation of an order that does not live; anything but a held one is left as it is."""
        expired = self.decisions.expire(order_id, now)
        if expired is not None:
            self.levels.free(skus(expired), order_id, expired["token"], "expired")

    def end_stale_holds(self, now: datetime) -> None:
        """End holds that executions which died have left, or that a decision was not followed by."""
        stale = self.levels.stale_holds(now, SWEEP_LIMIT)
        for sku, hold in stale:
            self._end_stale(sku, hold, now)

    def _publish(self, order_id: str, again: datetime) -> None:
        def work(session: ClientSession) -> None:
            if self.decisions.extend(order_id, again, session):
                self._emit(session, ReservationOverdue(order_id=order_id))

        self.decisions.in_transaction(work)

    def _end_stale(self, sku: str, hold: Document, now: datetime) -> None:
        """End an overdue hold according to its order's decision; without a decision it is released."""
        order_id, token = hold["order_id"], hold["token"]
        reservation = self.decisions.fence(order_id, now)
        if reservation["token"] != token or reservation["status"] == "released":
            self.levels.free([sku], order_id, token, "expired")
        elif reservation["status"] == "committed":
            self.levels.sell([sku], order_id, token)
        else:
            self.levels.extend([sku], order_id, token, reservation["expires_at"])

    def prune(self, before: datetime) -> int:
        """Delete reservations that ended before this time and have no holds any more; returns how many."""
        ended = self.decisions.ended(before, SWEEP_LIMIT)
        return self.decisions.delete(set(ended) - self.levels.held_orders(ended), before) if ended else 0
