"""How providers are called: again with jitter while the outcome is unknown, and not at all while they are down."""

from collections.abc import Callable
from typing import TypeVar

import pybreaker
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from services.chassis.runtime.circuit_breaker import CircuitBreaker
from services.payments.providers.interface import ProviderUnavailable

T = TypeVar("T")

ATTEMPTS = 3
BREAK_AFTER_FAILURES = 10
BREAK_SECONDS = 10


class Caller:
    """Calls one provider: three tries, each idempotent by its key; after ten failures in a row it rests for 10 s."""

    def __init__(self, provider: str) -> None:
        self._breaker = CircuitBreaker(
            fail_max=BREAK_AFTER_FAILURES,
            reset_timeout=BREAK_SECONDS,
            exclude=[lambda error: not isinstance(error, ProviderUnavailable)],
            name=provider,
        )

    def __call__(self, request: Callable[[], T]) -> T:
        """Raises what the request raises, `ProviderUnavailable` at the latest after the third try."""
        retrying = Retrying(
            retry=retry_if_exception_type(ProviderUnavailable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        try:
            return retrying(self._breaker.call, request)
        except pybreaker.CircuitBreakerError as open_circuit:
            raise ProviderUnavailable("The payment provider is resting after failures") from open_circuit
