"""Exact counter for what is attacked: each request is counted in Redis before it is carried out (moving window)."""

import threading
import time
from typing import Any, Final

import pybreaker
import redis
import structlog
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from gateway_flask.rate_limiting.standing import Standing, whole_seconds
from services.chassis.runtime.circuit_breaker import CircuitBreaker

log = structlog.get_logger()

RETRY_SECONDS: Final = 5.0
"""Time without Redis after it did not answer; meanwhile each process counts for itself."""


class MovingWindow:
    """Counts of all gateway processes together; of this process while Redis is away."""

    def __init__(self, storage: RedisStorage | None) -> None:
        self._redis: Any = storage.get_connection() if storage else None
        self._alone = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._breaker = CircuitBreaker(fail_max=1, reset_timeout=RETRY_SECONDS, throw_new_error_on_trip=False)

    def hit(self, item: RateLimitItem, client: str) -> Standing:
        """Count a request."""
        if self._redis is not None:
            try:
                return self._breaker.call(self._hit_shared, item, client)
            except pybreaker.CircuitBreakerError:
                log.debug("rate_limits_without_redis")
            except redis.RedisError as error:
                log.warning("rate_limits_without_redis", error=type(error).__name__)
        return self._hit_alone(item, client)

    def _hit_shared(self, item: RateLimitItem, client: str) -> Standing:
        """Both scripts of `limits` in one round trip: count, and look at the window."""
        now, seconds = time.time(), item.get_expiry()
        key = RedisStorage.PREFIX + ":" + item.key_for(client)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.eval(RedisStorage.SCRIPT_ACQUIRE_MOVING_WINDOW, 1, key, now, item.amount, seconds, 1)
        pipeline.eval(RedisStorage.SCRIPT_MOVING_WINDOW, 1, key, now - seconds, item.amount)
        allowed, window = pipeline.execute()
        oldest, used = (float(window[0]), int(window[1])) if window else (now, 0)
        return _standing(bool(allowed), item, oldest, used, now)

    def _hit_alone(self, item: RateLimitItem, client: str) -> Standing:
        with self._lock:  # the storage of `limits` fails when two threads start its timer at once
            allowed = self._alone.hit(item, client)
            reset_at, remaining = self._alone.get_window_stats(item, client)
        return _standing(allowed, item, reset_at - item.get_expiry(), item.amount - remaining, time.time())


def _standing(allowed: bool, item: RateLimitItem, oldest: float, used: int, now: float) -> Standing:
    wait = min(oldest - now, 0.0) + item.get_expiry()  # Redis rounds times
    return Standing(allowed, item.amount, max(0, item.amount - used), whole_seconds(wait))
