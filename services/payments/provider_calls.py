"""Calls to providers: under keys that were written down before, and without a transaction open."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from services.chassis.common import clock
from services.chassis.common.errors import ServiceUnavailable, ValidationFailed
from services.payments.domain import Attempt
from services.payments.providers.interface import ChargeState, Provider, ProviderFailed, ProviderUnavailable
from services.payments.providers.resilience import Caller
from services.payments.store import PaymentStore
from services.payments.store.claims import Claimed

T = TypeVar("T")

LEASE_SECONDS: Final = 10.0
"""How long a claim on a payment lasts; it is prolonged before a call that might outlast it."""
CALL_SECONDS: Final = 8.0
"""How long one call takes with its retries, three time-outs of 2 s. A claim that a slower one outlasts is harmless:
the attempt is pending, and whoever takes over looks first.
"""
WAIT_SECONDS: Final = 4.0
"""How long an operation waits for another one on the same payment."""
KEY_LIFETIME: Final = timedelta(hours=23)
"""Stripe forgets idempotency keys after 24 hours."""
MAX_KEYS: Final = 3
"""Attempts of one operation, each with a new key because the one before is known to have failed."""


class ProviderCalls:
    """Claims payments and calls their providers."""

    def __init__(
        self,
        store: PaymentStore,
        providers: dict[str, Provider],
        callers: dict[str, Caller],
        lease: float = LEASE_SECONDS,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.store = store
        self.providers = providers
        self.callers = callers
        self.lease = lease
        self.wait = wait

    def provider(self, name: str) -> Provider:
        """The provider of this name. Raises `ValidationFailed`."""
        if name not in self.providers:
            raise ValidationFailed.of("payment_method.provider", f"must be one of: {', '.join(self.providers)}")
        return self.providers[name]

    @contextmanager
    def claimed(self, payment_id: str, wait: float | None = None) -> Iterator[Claimed]:
        """Work on a payment alone; waits a bounded time for another operation on it.

        Raises `NotFound`, and `ServiceUnavailable` (retry) while another process works on it.
        """
        claimed = self._claim(payment_id, self.wait if wait is None else wait)
        with self.held(claimed):
            yield claimed

    @contextmanager
    def held(self, claimed: Claimed) -> Iterator[Claimed]:
        """Give up the claim at the end. When the process dies instead, the claim expires."""
        try:
            yield claimed
        finally:
            if not claimed.released:
                with suppress(SQLAlchemyError):  # the claim will expire
                    self.store.release(claimed)

    def _claim(self, payment_id: str, wait: float) -> Claimed:
        first = self.store.claim_payment(payment_id, self.lease)
        if first is not None:
            return first
        self.store.read(payment_id)
        waiting = Retrying(
            retry=retry_if_result(lambda claimed: claimed is None),
            stop=stop_after_delay(wait),
            wait=wait_random_exponential(multiplier=0.01, max=0.1),
            retry_error_callback=lambda _: None,
        )
        claimed = waiting(self.store.claim_payment, payment_id, self.lease)
        if claimed is None:
            raise ServiceUnavailable("The payment is being worked on: try again")
        return claimed

    def call(self, claimed: Claimed, request: Callable[[Provider], T]) -> T:
        """Call the payment's provider, within the claim. Raises as the provider does, and `ClaimLost`."""
        if claimed.expires - time.monotonic() < CALL_SECONDS:
            self.store.extend(claimed, self.lease)
        provider = self.provider(claimed.payment.provider)
        return self.callers[provider.name](lambda: request(provider))

    def look_up(self, claimed: Claimed) -> ChargeState:
        """The payment's charge in the provider's books."""
        payment = claimed.payment
        return self.call(claimed, lambda provider: provider.look_up(str(payment.reference), payment.currency))

    def run(
        self,
        claimed: Claimed,
        request: Callable[[Provider, str], T],
        find: Callable[[], T | None],
        resumed: bool,
    ) -> T:
        """Carry out the pending attempt: `request` by its key, or `find` that it was carried out already.

        A resumed attempt looks first. A key that is known to have failed for good, or is too old for the provider to
        remember it, is replaced when the books show that nothing was done; the new key is written down before its use.
        """
        attempt = _pending(claimed)
        used_up = attempt.started_at < clock.now() - KEY_LIFETIME
        look = resumed
        for _ in range(MAX_KEYS):
            if look and (result := find()) is not None:
                return result
            if look and used_up:
                with self.store.transaction() as session:
                    attempt = self.store.replace_attempt(session, claimed, attempt)
                claimed.attempt = attempt
            try:
                return self.call(claimed, lambda provider: request(provider, _pending(claimed).key))
            except ProviderFailed:
                look = used_up = True
        if (result := find()) is not None:
            return result
        raise ProviderUnavailable()


def _pending(claimed: Claimed) -> Attempt:
    assert claimed.attempt is not None
    return claimed.attempt
