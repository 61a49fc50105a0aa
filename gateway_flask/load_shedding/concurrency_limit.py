"""An adaptive concurrency limit: as many requests at once as don't make each other slow.

It follows the gradient algorithms of Netflix's concurrency-limits (https://github.com/Netflix/concurrency-limits) and
Envoy's adaptive concurrency filter: response times are compared with those of an unloaded server. Times are compared
per endpoint, so a change of the mix of requests is not taken for load.
"""

from statistics import median
from typing import Final

TOLERANCE: Final = 1.6
"""The limit shrinks while requests take longer than this many times their unloaded time."""
SMALLEST_FACTOR: Final = 0.5
"""The most by which one window shrinks the limit."""
WINDOW_SAMPLES: Final = 8
INITIAL: Final = 4
"""The limit at first, and of an area with little to do: a high one would admit too many when overload begins."""
WINDOW_SECONDS: Final = 0.2
SMOOTHING: Final = 0.05
"""The weight of one sample in the unloaded time."""
OUTLIER: Final = 4.0
"""A sample counts at most this many times the unloaded time."""


class ConcurrencyLimit:
    """The number of requests that are worked on at once, between `least` and `most`. Not thread-safe.

    It is below `INITIAL` during overload only: requests may be slow because a server's connections are. Unloaded
    times are those of requests that began while no more than `least` were in work.
    """

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = min(least, most), most
        self.value = min(INITIAL, most)
        self._unloaded: dict[str, float] = {}
        self._ratios: list[float] = []
        self._peak = 0
        self._window_ends = 0.0

    def record(self, endpoint: str, seconds: float, in_flight: int, now: float, overload: bool) -> None:
        """Take the time of one request into account, which began as one of `in_flight` at once.

        `overload`: more requests arrive than are completed. `now` is a monotonic time in seconds. Requests that failed
        tell nothing about load: don't record them.
        """
        unloaded = self._unloaded.get(endpoint)
        if in_flight <= self.least:
            if unloaded is None:
                unloaded = seconds
            unloaded += SMOOTHING * (min(seconds, OUTLIER * unloaded) - unloaded)
            self._unloaded[endpoint] = unloaded
        if unloaded:
            self._ratios.append(min(seconds / unloaded, OUTLIER))
        self._peak = max(self._peak, in_flight)
        if len(self._ratios) >= WINDOW_SAMPLES and now >= self._window_ends:
            self._adapt(overload)
            self._ratios, self._peak, self._window_ends = [], 0, now + WINDOW_SECONDS

    def _adapt(self, overload: bool) -> None:
        slowdown = median(self._ratios)
        if slowdown > TOLERANCE:
            self.value = max(self.least, int(self.value * max(SMALLEST_FACTOR, TOLERANCE / slowdown)))
        elif self._peak >= self.value:
            self.value = min(self.most, self.value + max(1, self.value // 8))
        elif self._peak <= self.value // 2 and self.value > INITIAL:
            self.value -= 1
        if not overload:
            self.value = max(self.value, min(INITIAL, self.most))
