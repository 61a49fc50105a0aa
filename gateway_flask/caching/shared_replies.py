"""Replies in Redis, for the other gateway processes: nobody deletes there, each process judges what it reads.

Redis tells its time with each look-up. A reply carries that of the beginning of its computation, so a process can
compare it with the invalidations that it has received itself, without trusting another machine's clock.
"""

import hashlib
import time
from typing import Any, Final

import pybreaker
import redis
import structlog

from gateway_flask.caching.cached_reply import CachedReply, packed, unpacked
from services.chassis.runtime.circuit_breaker import CircuitBreaker

log = structlog.get_logger()

PREFIX: Final = "gateway:reply:"
RETRY_SECONDS: Final = 5.0
"""Time without Redis after it did not answer."""


class SharedReplies:
    """The second level of the cache; an outage of Redis costs its use only."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._breaker = CircuitBreaker(fail_max=1, reset_timeout=RETRY_SECONDS, throw_new_error_on_trip=False)

    def get(self, route: str, key: str, early: bool) -> tuple[CachedReply | None, int]:
        """The reply if there is one, and Redis's time in microseconds, 0 while it is away."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(_name(key))
        pipeline.time()
        sent = time.monotonic()
        stored, clock = self._try(pipeline.execute) or (None, (0, 0))
        now = clock[0] * 1_000_000 + clock[1]
        if stored is None:
            return None, now
        (headers, etag, tags, facts, began, usable), body = unpacked(stored)
        began_here = sent - (now - began) / 1_000_000  # rather too early: the reply was read after the request was sent
        until = began_here + usable
        pairs = tuple((name, value) for name, value in headers)
        reply = CachedReply(route, body, pairs, etag, tuple(tags), facts, True, early, began_here, until, until)
        return reply, now

    def put(self, key: str, reply: CachedReply, began: int) -> None:
        """Store a reply whose computation began at this time of Redis."""
        usable = reply.fresh_until - reply.began
        if began and usable > 0:
            self._try(self._client.set, _name(key), packed(reply, began, usable), px=max(1, round(usable * 1000)))

    def _try(self, command: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return self._breaker.call(command, *arguments, **options)
        except pybreaker.CircuitBreakerError:
            log.debug("reply_cache_without_redis")
        except redis.RedisError as error:
            log.warning("reply_cache_without_redis", error=type(error).__name__)
        return None


def _name(key: str) -> str:
    return PREFIX + hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
