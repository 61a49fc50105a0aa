"""When a failed delivery is tried again, and for how long."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

GIVE_UP_AFTER: Final = timedelta(days=3)
"""A subscription is disabled when a delivery has failed for so long."""
JITTER: Final = 0.2
"""The largest deviation of a delay, so that deliveries that failed together do not come again together."""


def delay(delays: Sequence[float], failures: int, random: float) -> timedelta:
    """The time to the next attempt after so many failures in a row, at least one; `random` is from 0 to 1."""
    seconds = delays[min(failures, len(delays)) - 1]
    return timedelta(seconds=seconds * (1 - JITTER + 2 * JITTER * random))
