"""The state of one client under one limit."""

import math
from typing import NamedTuple


class Standing(NamedTuple):
    """After a request was counted: whether it is within the limit, and what is left."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    """Seconds until more is left; for a refused request until the next one is accepted, at least 1."""


def whole_seconds(wait: float) -> int:
    """Rounded up, so that a client that waits for them is not refused again; at least 1."""
    return max(1, math.ceil(wait))
