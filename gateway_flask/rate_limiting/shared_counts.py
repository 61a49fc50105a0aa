"""Counter for reads, which are many: counted in memory, and exchanged with the other processes once a second.

A read costs no round trip. All processes together can exceed a limit by what they serve within one exchange.
The window moves: the previous one counts by the part of it that lies within the last period ("sliding window counter",
https://blog.cloudflare.com/counting-things-a-lot-of-different-things/).
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import redis
import structlog
from limits import RateLimitItem

from gateway_flask.rate_limiting.standing import Standing, whole_seconds

log = structlog.get_logger()

EXCHANGE_SECONDS: Final = 1.0
BATCH: Final = 1000
"""Clients of one round trip."""
PREFIX: Final = "LIMITS:counts:"


class _Window:
    """Requests of one client: of all processes as of the last exchange, and of this one since."""

    __slots__ = ("current", "number", "pending", "previous", "seconds")

    def __init__(self, number: int, seconds: int) -> None:
        self.number, self.seconds = number, seconds
        self.current = self.pending = self.previous = 0

    def move(self, number: int) -> None:
        """Go on to the window with this number. What was not exchanged of the last one counts here only."""
        self.previous = self.current + self.pending if number == self.number + 1 else 0
        self.number, self.current, self.pending = number, 0, 0


class SharedCounts:
    """Counts of all gateway processes together, a second old at most; of this process while Redis is away."""

    def __init__(self, store: "redis.Redis | None", now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()
        self._exchanger_of = 0  # the process that has the thread: it does not survive a fork

    def hit(self, item: RateLimitItem, client: str) -> Standing:
        """Count a request."""
        now, seconds, limit = self._now(), item.get_expiry(), item.amount
        number, passed = divmod(now, seconds)
        key = f"{item.namespace}:{client}:{seconds}"
        with self._lock:
            window = self._windows.get(key)
            if window is None:
                window = self._windows[key] = _Window(int(number), seconds)
                self._start_exchanges()
            elif window.number != number:
                window.move(int(number))
            previous, current = window.previous, window.current + window.pending
            used = previous * (1 - passed / seconds) + current
            allowed = used + 1 <= limit
            if allowed:
                window.pending += 1
                current, used = current + 1, used + 1
        wait = seconds - passed if allowed else _wait(previous, current, limit, passed, seconds)
        return Standing(allowed, limit, max(0, int(limit - used)), whole_seconds(wait))

    def exchange(self) -> None:
        """Add the counts since the last exchange to the shared ones, and read those: a round trip for many clients."""
        if self._store is None:
            return
        with self._lock:
            self._drop_idle()
            counted = [
                (key, window, window.number, window.pending) for key, window in self._windows.items() if window.pending
            ]
        for start in range(0, len(counted), BATCH):
            self._exchange(self._store, counted[start : start + BATCH])

    def _exchange(self, store: "redis.Redis", counted: list[tuple[str, _Window, int, int]]) -> None:
        pipeline: Any = store.pipeline(transaction=False)
        for key, window, number, pending in counted:
            name = f"{PREFIX}{key}:{number}"
            pipeline.incrby(name, pending)
            pipeline.expire(name, 2 * window.seconds)
            pipeline.get(f"{PREFIX}{key}:{number - 1}")
        replies = pipeline.execute()
        with self._lock:
            for (_, window, number, pending), current, previous in zip(
                counted, replies[::3], replies[2::3], strict=True
            ):
                if window.number == number:
                    window.current, window.pending = int(current), window.pending - pending
                    window.previous = int(previous or 0)

    def _drop_idle(self) -> None:
        now = self._now()
        idle = [key for key, window in self._windows.items() if (window.number + 2) * window.seconds <= now]
        for key in idle:
            del self._windows[key]

    def _start_exchanges(self) -> None:
        if self._store is not None and self._exchanger_of != os.getpid():
            self._exchanger_of = os.getpid()
            threading.Thread(target=self._exchange_forever, name="rate-limits", daemon=True).start()

    def _exchange_forever(self) -> None:
        available = True
        while True:
            time.sleep(EXCHANGE_SECONDS)
            try:
                self.exchange()
                available = True
            except redis.RedisError as error:
                if available:
                    log.warning("rate_limits_without_redis", error=type(error).__name__)
                available = False


def _wait(previous: int, current: int, limit: int, passed: float, seconds: int) -> float:
    """Seconds until one more request is within the limit."""
    free = limit - 1 - current
    if free >= 0 and previous:  # the previous window moves out of the period
        return float(seconds * (1 - free / previous) - passed)
    return float(seconds - passed + seconds * (1 - (limit - 1) / current)) if current else 1.0
