"""Admission of requests: worked on now, later, or not at all.

A burst waits, in order. Standing overload is refused: as soon as requests keep arriving faster than they are completed,
new ones wait for a moment only and are served first, for their clients still wait; those who get in are answered fast,
the others know at once. This is adaptive LIFO with controlled delay, as in B. Maurer, "Fail at Scale", ACM Queue 13(8),
2015.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway_flask.load_shedding.concurrency_limit import ConcurrencyLimit
from gateway_flask.load_shedding.overload_detector import OverloadDetector

LEAST_AT_ONCE: Final = 2
IN_ORDER_SECONDS: Final = 3.0
"""In a queue older than this the newest request is next, unless it is known to be no overload. Before, that can't be
known yet, and the newest first would let some of the clients who wait for each answer wait three times as long.
"""
OVERLOAD_WAIT_SECONDS: Final = 0.1
"""The wait of a request that comes during overload."""
GIVE_UP_SECONDS: Final = 1.0
"""During overload, requests that have waited for longer than this are refused."""
SLOW_FAILURE_SECONDS: Final = 1.0
"""A request that failed after this time or more has waited for a server that is away."""
OUTAGE_WAIT_SECONDS: Final = 0.5
"""When one has failed so, requests that have waited for longer are refused: they would wait as long again."""
CALM_SECONDS: Final = 1.0
"""An empty queue ends the overload when nothing was refused for so long."""


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
        self._detector = OverloadDetector()
        self._refused_at = -CALM_SECONDS
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def enter(self) -> int:
        """Wait for a place. Returns the number in flight, this one included; raises `Overloaded`."""
        with self._lock:
            now = self._clock()
            self._detector.arrived(now)
            if self.in_flight < self.limit.value and not self._queue:
                self.in_flight += 1
                return self.in_flight
            self._detector.queued(now)
            if len(self._queue) >= self._most_waiting:
                self._refuse(self._queue.popleft(), now)
            waiter = _Waiter(now)
            self._queue.append(waiter)
            patience = OVERLOAD_WAIT_SECONDS if self._detector.is_overloaded(now) else self._patience
        if not waiter.decided.acquire(timeout=patience):
            self._give_up(waiter)
        if not waiter.admitted:
            raise Overloaded
        return waiter.in_flight

    def leave(self, endpoint: str | None, seconds: float, in_flight: int, failed: bool = False) -> None:
        """End a request, which took `seconds` since it was admitted.

        `endpoint`: None if the time tells nothing about load. `failed`: with a status of 500 or more.
        """
        with self._lock:
            now = self._clock()
            self._detector.completed(now)
            if endpoint is not None:
                self.limit.record(endpoint, seconds, in_flight, now, self._detector.is_overloaded(now))
            self.in_flight -= 1
            if failed and seconds >= SLOW_FAILURE_SECONDS:
                self._refuse_older(OUTAGE_WAIT_SECONDS, now)
            while self._queue and self.in_flight < self.limit.value:
                self._admit_next(now)
            self._note_empty_queue(now)

    def _admit_next(self, now: float) -> None:
        in_order = self._detector.age(now) < IN_ORDER_SECONDS or self._detector.is_burst(now)
        waiter = self._queue.popleft() if in_order else self._queue.pop()
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
            if self._detector.is_overloaded(now):
                self._refuse_older(GIVE_UP_SECONDS, now)
            self._note_empty_queue(now)

    def _refuse_older(self, seconds: float, now: float) -> None:
        """Refuse the requests that have waited for more than `seconds`."""
        while self._queue and now - self._queue[0].since > seconds:
            self._refuse(self._queue.popleft(), now)

    def _refuse(self, waiter: _Waiter, now: float) -> None:
        self._refused_at = now
        waiter.decide(False)

    def _note_empty_queue(self, now: float) -> None:
        if not self._queue and now - self._refused_at > CALM_SECONDS:
            self._detector.emptied()
