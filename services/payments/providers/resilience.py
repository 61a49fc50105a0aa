"""Retries and circuit breaking of provider calls: jittered retries while the outcome is unknown."""

from collections.abc import Callable
from typing import TypeVar

import pybreaker
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from services.chassis.runtime.circuit_breaker import CircuitBreaker
from services.payments.providers.interface import ProviderFailed, ProviderUnavailable

T = TypeVar("T")

ATTEMPTS = 3
BREAK_AFTER_FAILURES = 10
BREAK_SECONDS = 10


class Caller:
    """Calls one provider: up to three attempts, idempotent by key; the circuit opens for 10 s after ten failures in a
    row.
    """

    def __init__(self, provider: str) -> None:
        self._breaker = CircuitBreaker(
            fail_max=BREAK_AFTER_FAILURES,
            reset_timeout=BREAK_SECONDS,
            exclude=[lambda error: not isinstance(error, ProviderUnavailable)],
            name=provider,
        )

    def __call__(self, request: Callable[[], T]) -> T:
        """Call the provider. Raises the request's exception, or `ProviderUnavailable` after the third attempt."""
        retrying = Retrying(
            retry=retry_if_exception(_may_be_carried_out_yet),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            reraise=True,
        )
        try:
            return retrying(self._breaker.call, request)
        except pybreaker.CircuitBreakerError as open_circuit:
            raise ProviderUnavailable("The payment provider is resting after failures") from open_circuit


def _may_be_carried_out_yet(error: BaseException) -> bool:
    """Whether the same key may give another answer next time."""
    return isinstance(error, ProviderUnavailable) and not isinstance(error, ProviderFailed)
