"""Tells standing overload from a burst: whether requests keep arriving faster than they are completed.

Clients that wait for each answer (however many) send the next request only then: after their first ones, arrivals are
as many as completions. Requests that come regardless of the answers are overload.
"""

from typing import Final

BUCKET_SECONDS: Final = 1.0
EXCESS: Final = 1.5
"""Arrivals by completions in a bucket that count as too many."""
NOISE: Final = 2
"""Arrivals beyond that in a bucket which are chance."""
DECIDING_BUCKETS: Final = 2
"""So many buckets in a row with too many arrivals are overload. The queue's first one is a burst's, and not counted."""


class OverloadDetector:
    """Arrivals and completions since requests began to wait, second by second. Times are monotonic. Not thread-safe."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._bucket = self._arrivals = self._completions = self._exceeding = 0

    def queued(self, now: float) -> None:
        """A request waits."""
        if self._began is None:
            self._began = now
            self._bucket = self._arrivals = self._completions = self._exceeding = 0

    def emptied(self) -> None:
        """No request waits any more."""
        self._began = None

    def arrived(self, now: float) -> None:
        self._close_buckets(now)
        self._arrivals += 1

    def completed(self, now: float) -> None:
        self._close_buckets(now)
        self._completions += 1

    def age(self, now: float) -> float:
        """Seconds since requests began to wait."""
        return 0.0 if self._began is None else now - self._began

    def is_overloaded(self, now: float) -> bool:
        """Whether requests keep arriving faster than they are completed."""
        self._close_buckets(now)
        return self._began is not None and self._exceeding >= DECIDING_BUCKETS

    def is_burst(self, now: float) -> bool:
        """Whether requests wait that came at once, and no more came since than were completed."""
        self._close_buckets(now)
        return self._began is not None and self._bucket > DECIDING_BUCKETS and self._exceeding == 0

    def _close_buckets(self, now: float) -> None:
        if self._began is None or (bucket := int((now - self._began) / BUCKET_SECONDS)) == self._bucket:
            return
        if self._bucket > 0:
            is_exceeding = self._arrivals > EXCESS * self._completions + NOISE
            self._exceeding = self._exceeding + 1 if is_exceeding else 0
        if bucket > self._bucket + 1:  # nothing happened in between
            self._exceeding = 0
        self._bucket, self._arrivals, self._completions = bucket, 0, 0
