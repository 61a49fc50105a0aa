"""Holding the lines of an order, and freeing them: sequences of updates of `levels`."""

from collections.abc import Sequence

import structlog

from services.chassis.common.errors import OutOfStock, ServiceUnavailable
from services.inventory.domain import Allocation, Line, allocate
from services.inventory.store.levels import Hold, Levels

ALLOCATION_ATTEMPTS = 50
log = structlog.get_logger(__name__)


class Holds:
    """Holds of orders on levels."""

    def __init__(self, levels: Levels) -> None:
        self.levels = levels

    def place(self, lines: Sequence[Line], hold: Hold) -> tuple[Allocation, ...]:
        """Hold all lines or none. Raises `OutOfStock`.

        After any error what was held is freed, as far as the database answers; otherwise it ends with its time. The
        token must not be named anywhere yet.
        """
        placed: list[Allocation] = []
        try:
            for line in lines:
                placed.append(self._place(line, hold))
        except Exception as error:
            refused = isinstance(error, OutOfStock)  # nothing is held of this line; else its outcome is unknown
            self._give_up(lines[: len(placed) + (not refused)], hold)
            raise
        return tuple(placed)

    def _place(self, line: Line, hold: Hold) -> Allocation:
        """One round trip when one warehouse has it all; else several, chosen from what was read."""
        allocation = self.levels.hold_in_one(line, hold)
        if allocation:
            return allocation
        for _ in range(ALLOCATION_ATTEMPTS):
            allocation = Allocation(line.sku, allocate(line.sku, line.quantity, self.levels.stocks(line.sku)))
            if self.levels.hold_in(allocation, hold):
                return allocation
        raise ServiceUnavailable(f"{line.sku} is in too much demand at the moment")

    def _give_up(self, lines: Sequence[Line], hold: Hold) -> None:
        try:
            self.levels.free([line.sku for line in lines], hold.order_id, hold.token)
        except Exception as error:
            log.warning("holds_left_until_their_time", order_id=hold.order_id, error=repr(error))

    def free_fenced_before(self, order_id: str, fence: int) -> None:
        """Free the holds of executions that have lost their right to name them."""
        self.levels.free_fenced_before(self.levels.held_skus(order_id), order_id, fence)

    def free_all(self, order_id: str) -> None:
        """Free all holds of an order whose release is final."""
        self.levels.free_all(self.levels.held_skus(order_id), order_id)
