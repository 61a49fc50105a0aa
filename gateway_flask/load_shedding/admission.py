"""Admission of requests: worked on now, later, or not at all.

A burst waits; standing overload is refused. While requests have waited for less than `BURST_SECONDS`, all of them are
patient, and the oldest is next. After that the newest is next, for its client still waits for the answer, and new ones
wait for a moment only: those who get in are answered fast, the others know at once. This is adaptive LIFO with
controlled delay, as in B. Maurer, "Fail at Scale", ACM Queue 13(8), 2015.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway_flask.load_shedding.concurrency_limit import ConcurrencyLimit

LEAST_AT_ONCE: Final = 2
BURST_SECONDS: Final = 2.0
"""A queue older than this is overload, not a burst."""
NEWEST_FIRST_SECONDS: Final = 0.5
"""In a queue older than this the newest request is next."""
OVERLOAD_WAIT_SECONDS: Final = 0.1
"""The wait of a request that comes during overload."""
GIVE_UP_SECONDS: Final = 5.0
"""In a queue older than this, requests of its beginning are refused when there are too many newer ones."""
CALM_SECONDS: Final = 1.0
"""Overload is over when nothing was refused for so long."""


class Overloaded(Exception):
    """Too many requests: this one is not begun."""


class _Waiter:
    """A request that waits; `decided` is released when it is."""

    __slots__ = ("admitted", "decided", "in_flight", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.decided = threading.Lock()
        self.decided.acquire()
        self.admitted: bool | None = None
        self.in_flight = 0

    def decide(self, admitted: bool, in_flight: int = 0) -> None:
        self.admitted, self.in_flight = admitted, in_flight
        self.decided.release()


class Admission:
    """The requests of one service in this process: in flight and waiting.

    At most `at_once` are worked on; at most `waiting` wait, `patience` seconds each.
    """

    def __init__(
        self, at_once: int, waiting: int, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = ConcurrencyLimit(LEAST_AT_ONCE, at_once)
        self.in_flight = 0
        self._most_waiting, self._patience, self._clock = waiting, patience, clock
        self._queue: deque[_Waiter] = deque()
        self._queued_since: float | None = None
        self._refused_at: float | None = None
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def enter(self) -> int:
        """Wait for a place. Returns the number in flight, this one included; raises `Overloaded`."""
        with self._lock:
            now = self._clock()
            if self.in_flight < self.limit.value and not self._queue:
                self.in_flight += 1
                return self.in_flight
            if len(self._queue) >= self._most_waiting:
                self._refuse(self._queue.popleft(), now)
            waiter = _Waiter(now)
            self._queue.append(waiter)
            if self._queued_since is None:
                self._queued_since = now
            patience = OVERLOAD_WAIT_SECONDS if self._is_overloaded(now) else self._patience
        if not waiter.decided.acquire(timeout=patience):
            self._give_up(waiter)
        if not waiter.admitted:
            raise Overloaded
        return waiter.in_flight

    def leave(self, endpoint: str | None, seconds: float, in_flight: int) -> None:
        """End a request, which took `seconds` since it was admitted. `endpoint`: None if it failed."""
        with self._lock:
            now = self._clock()
            if endpoint is not None:
                self.limit.record(endpoint, seconds, in_flight, now)
            self.in_flight -= 1
            while self._queue and self.in_flight < self.limit.value:
                self._admit_next(now)
            if not self._queue:
                self._queued_since = None

    def _admit_next(self, now: float) -> None:
        newest_first = self._queue_age(now) > NEWEST_FIRST_SECONDS
        waiter = self._queue.pop() if newest_first else self._queue.popleft()
        self.in_flight += 1
        waiter.decide(True, self.in_flight)

    def _give_up(self, waiter: _Waiter) -> None:
        """Refuse a request that has waited long enough, unless it was admitted at this moment."""
        with self._lock:
            if waiter.admitted is not None:
                return
            now = self._clock()
            self._queue.remove(waiter)
            self._refuse(waiter, now)
            if self._queue_age(now) > GIVE_UP_SECONDS:
                while self._queue and now - self._queue[0].since > GIVE_UP_SECONDS:
                    self._refuse(self._queue.popleft(), now)
            if not self._queue:
                self._queued_since = None

    def _refuse(self, waiter: _Waiter, now: float) -> None:
        self._refused_at = now
        waiter.decide(False)

    def _queue_age(self, now: float) -> float:
        return now - self._queued_since if self._queued_since is not None else 0.0

    def _is_overloaded(self, now: float) -> bool:
        if self._refused_at is not None and now - self._refused_at < CALM_SECONDS:
            return True
        return self._queue_age(now) > BURST_SECONDS
