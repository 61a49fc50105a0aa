"""The state of one client under one limit."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """After a request was counted: whether it is within the limit, and what is left."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    """Seconds until more is left; for a refused request until the next one is accepted, at least 1."""

    @staticmethod
    def seconds(wait: float) -> int:
        """Whole seconds, rounded up, so that a client that waits for them is not refused again."""
        return max(1, math.ceil(wait))
