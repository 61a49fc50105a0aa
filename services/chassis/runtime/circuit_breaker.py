"""Circuit breaker for calls to servers outside: after repeated failures calls fail at once for a while."""

from collections.abc import Callable
from typing import Any, TypeVar

import pybreaker

T = TypeVar("T")


class CircuitBreaker(pybreaker.CircuitBreaker):
    """pybreaker's, without its lock around the call itself: that would run one call at a time."""

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `func`. Raises `pybreaker.CircuitBreakerError` while the circuit is open."""
        result: T = self.state.call(func, *args, **kwargs)
        return result
