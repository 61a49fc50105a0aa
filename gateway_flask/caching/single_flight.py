"""Single-flight cache: of concurrent requests for a key one computes the value, the others wait for it."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass

from cachetools import TTLCache


@dataclass(frozen=True, slots=True)
class CachedBody:
    """A body, and until when it is cached (monotonic seconds); 0: not cached."""

    body: bytes
    until: float = 0.0

    @property
    def seconds_left(self) -> int:
        """Whole seconds for which it may still be used, by a browser too."""
        return max(0, int(self.until - time.monotonic()))


class SingleFlightCache:
    """A cache of one process with a maximum size and a lifetime in seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._cached: TTLCache[Hashable, CachedBody] = TTLCache(most, seconds)
        self._in_flight: dict[Hashable, Future[CachedBody]] = {}
        """Computations in progress."""

    def get(self, key: Hashable, compute: Callable[[], tuple[bytes, bool]]) -> CachedBody:
        """The cached value of the key, or that of `compute`: the body, and whether to cache it.

        An exception of `compute` is raised to all waiting requests, and not cached.
        """
        with self._lock:
            cached = self._cached.get(key)
            if cached is not None:
                return cached
            waiting = self._in_flight.get(key)
            if waiting is None:
                mine = self._in_flight[key] = Future[CachedBody]()
        if waiting is not None:
            return waiting.result()
        try:
            body, cacheable = compute()
            computed = CachedBody(body, time.monotonic() + self._seconds if cacheable else 0.0)
        except BaseException as failed:
            self._settle(key)
            mine.set_exception(failed)
            raise
        self._settle(key, computed if cacheable else None)
        mine.set_result(computed)
        return computed

    def _settle(self, key: Hashable, computed: CachedBody | None = None) -> None:
        with self._lock:
            del self._in_flight[key]
            if computed is not None:
                self._cached[key] = computed
