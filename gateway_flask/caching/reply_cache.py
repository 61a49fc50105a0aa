"""The cache of replies that are the same for everybody: in this process's memory, and behind it in Redis."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Final

import structlog
from cachetools import LRUCache
from prometheus_client import Counter, Gauge

from gateway_flask.caching.cached_reply import CachedReply
from gateway_flask.caching.invalidations import Invalidations
from gateway_flask.caching.shared_replies import SharedReplies

log = structlog.get_logger()

USES: Final = Counter(
    "ultramarket_reply_cache_total",
    "Requests for replies that can be cached: hit, stale (and computed again meanwhile), shared (read from Redis), "
    "waited (for another request's computation), miss, bypass",
    ["route", "outcome"],
)
BYTES: Final = Gauge("ultramarket_reply_cache_bytes", "Memory of cached replies")
STALE_SECONDS: Final = 2.0
"""Seconds for which an unchanged reply is used after its lifetime, while it is computed again."""
REFRESHERS: Final = 2
"""Threads that compute replies again."""
WAIT_SECONDS: Final = 10.0
"""Longest wait for another request's computation."""

Compute = Callable[[], CachedReply]

_uses: Final = lru_cache(maxsize=256)(USES.labels)


def count(route: str, outcome: str) -> None:
    """Count a request for a reply that can be cached."""
    _uses(route, outcome).inc()


class ReplyCache:
    """Bounded by bytes, the least recently used replies leave first; one computation of a key at a time.

    Whether a reply is current is decided at each use, by the invalidations.
    """

    def __init__(
        self, max_bytes: int, seconds: float, invalidations: Invalidations, shared: SharedReplies | None = None
    ) -> None:
        self.invalidations = invalidations
        self._seconds = seconds
        self._shared = shared
        self._lock = threading.Lock()
        self._replies: LRUCache[str, CachedReply] = LRUCache(max_bytes, getsizeof=lambda reply: reply.size)
        self._in_flight: dict[str, Future[CachedReply]] = {}
        self._is_on = max_bytes > 0
        self._refreshers = ThreadPoolExecutor(REFRESHERS, thread_name_prefix="reply-cache")
        BYTES.set_function(lambda: self._replies.currsize)

    @property
    def is_in_use(self) -> bool:
        """Whether it is switched on, and changes are received."""
        return self._is_on and self.invalidations.are_received

    def get(self, key: str, early: bool = False) -> CachedReply | None:
        """The cached reply, if it is current. One past its lifetime is computed again by another thread.

        `early`: only one that needs no work of its route.
        """
        with self._lock:
            reply = self._replies.get(key)
        if reply is None or (early and not reply.is_early):
            return None
        now = time.monotonic()
        if now >= reply.usable_until or not self.invalidations.is_current(reply.tags, reply.began, now):
            return None
        if now < reply.fresh_until:
            count(reply.route, "hit")
            return reply
        count(reply.route, "stale")
        self._refresh(key, reply)
        return reply

    def fill(self, route: str, key: str, compute: Compute, early: bool = False) -> CachedReply:
        """The reply of `compute`, or of a computation of another request that is current.

        Raises what `compute` raises; nothing is cached then.
        """
        with self._lock:
            waiting = self._in_flight.get(key)
            if waiting is None:
                mine = self._in_flight[key] = Future[CachedReply]()
        if waiting is not None:
            return self._wait(route, waiting, compute)
        try:
            reply, outcome = self._load(route, key, compute, early)
        except BaseException as failed:
            self._settle(key)
            mine.set_exception(failed)
            raise
        count(route, outcome)
        self._settle(key, reply)
        mine.set_result(reply)
        return reply

    def _wait(self, route: str, waiting: Future[CachedReply], compute: Compute) -> CachedReply:
        try:
            reply = waiting.result(WAIT_SECONDS)
        except TimeoutError:
            count(route, "bypass")
            return compute()
        if reply.is_cacheable and self.invalidations.is_current(reply.tags, reply.began, time.monotonic()):
            count(route, "waited")
            return reply
        count(route, "bypass")
        return compute()  # the other one began before a change

    def _load(self, route: str, key: str, compute: Compute, early: bool) -> tuple[CachedReply, str]:
        began_there = 0
        if self._shared is not None:
            stored, began_there = self._shared.get(route, key, early)
            now = time.monotonic()
            if (
                stored is not None
                and now < stored.usable_until
                and self.invalidations.is_current(stored.tags, stored.began, now)
            ):
                stored.compute = compute
                return stored, "shared"
        began = time.monotonic()
        reply = compute()
        reply.began, reply.fresh_until = began, began + self._seconds
        reply.usable_until, reply.compute = reply.fresh_until + STALE_SECONDS, compute
        if self._shared is not None and reply.is_cacheable:
            self._shared.put(key, reply, began_there)
        return reply, "miss"

    def _settle(self, key: str, reply: CachedReply | None = None) -> None:
        with self._lock:
            del self._in_flight[key]
            if reply is not None and reply.is_cacheable:
                self._store(key, reply)

    def alias(self, key: str, reply: CachedReply) -> None:
        """Give a reply another key as well."""
        if reply.is_cacheable:
            with self._lock:
                self._store(key, reply)

    def _store(self, key: str, reply: CachedReply) -> None:
        try:
            self._replies[key] = reply
        except ValueError:  # larger than the whole cache
            self._replies.pop(key, None)

    def _refresh(self, key: str, reply: CachedReply) -> None:
        """Compute a reply again in another thread, unless that is under way."""
        compute = reply.compute
        with self._lock:
            if compute is None or key in self._in_flight:
                return
            mine = self._in_flight[key] = Future[CachedReply]()

        def refresh() -> None:
            try:
                newer, _ = self._load(reply.route, key, compute, reply.is_early)
            except Exception as failed:  # the next request computes it, and tells its client
                log.debug("reply_not_refreshed", route=reply.route, error=type(failed).__name__)
                self._settle(key)
                mine.set_exception(failed)
                return
            self._settle(key, newer)
            mine.set_result(newer)

        self._refreshers.submit(refresh)
