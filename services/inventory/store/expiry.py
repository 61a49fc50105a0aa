"""The end of reservations by time: expired holds, holds of executions that died, and old reservations."""

from datetime import datetime

from services.inventory.store.decisions import Decisions, skus
from services.inventory.store.levels import Document, Levels

SWEEP_LIMIT = 500
"""Maximum number of reservations handled by one sweep."""


class Expiry:
    """Sweeps over reservations and holds; each can be repeated, and run at the same time as any other step."""

    def __init__(self, decisions: Decisions, levels: Levels) -> None:
        self.decisions = decisions
        self.levels = levels

    def release_expired(self, now: datetime) -> int:
        """Release expired reservations, and holds left by executions that died; returns the number of the former."""
        ended = 0
        while ended < SWEEP_LIMIT:
            expired = self.decisions.expire_next(now)
            if expired is None:
                break
            self.levels.free(skus(expired), expired["_id"], expired["token"], "expired")
            ended += 1
        stale = self.levels.stale_holds(now, SWEEP_LIMIT)
        for sku, hold in stale:
            self._end_stale(sku, hold, now)
        return ended

    def _end_stale(self, sku: str, hold: Document, now: datetime) -> None:
        """End an expired hold according to its order's decision; without a decision it is released."""
        order_id, token = hold["order_id"], hold["token"]
        reservation = self.decisions.fence(order_id, now)
        if reservation["token"] != token or reservation["status"] == "released":
            self.levels.free([sku], order_id, token, "expired")
        elif reservation["status"] == "committed":
            self.levels.sell([sku], order_id, token)

    def prune(self, before: datetime) -> int:
        """Delete reservations that ended before this time and have no holds any more; returns how many."""
        ended = self.decisions.ended(before, SWEEP_LIMIT)
        return self.decisions.delete(set(ended) - self.levels.held_orders(ended), before) if ended else 0
