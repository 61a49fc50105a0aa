"""Dispatcher: sends what is due, many deliveries concurrently, each in a greenthread of its own."""

import random
from typing import Any, Final

import eventlet
import structlog
from nameko.extensions import DependencyProvider

from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.encryption import Encryption
from services.chassis.common.errors import ServiceUnavailable, ValidationFailed
from services.chassis.observability import logs
from services.chassis.outbound.addresses import OutboundPolicy, OutboundRefused
from services.chassis.runtime.settings import load
from services.webhooks.domain import retries
from services.webhooks.sender import send
from services.webhooks.settings import WebhookSettings
from services.webhooks.store import WebhookStore
from services.webhooks.store.attempts import Attempt, Outcome

STOP_SECONDS: Final = 9
"""How long attempts under way may take when the service stops; the leases of others end by themselves."""

log = structlog.get_logger()


class Dispatcher:
    """Claims due chains while there is room for more attempts, and records what comes of them."""

    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        self.policy = OutboundPolicy(settings.allowed_networks, settings.allowed_ports, settings.outbound_plain_http)
        self.encryption = Encryption(settings.encryption_keys_file) if settings.encryption_keys_file else None
        self._pool = eventlet.GreenPool(settings.webhook_deliveries)
        self._claiming = self._again = self._stopping = False

    @property
    def cipher(self) -> Encryption:
        """The encryption of secrets. Raises `ServiceUnavailable` without a key ring."""
        if self.encryption is None:
            raise ServiceUnavailable("ULTRAMARKET_ENCRYPTION_KEYS_FILE is not set: webhooks need a key ring")
        return self.encryption

    def check_url(self, url: str) -> None:
        """Raises `ValidationFailed` for a URL that leads where requests must not go."""
        from services.chassis.outbound.guarded_http import check_destination

        try:
            check_destination(url, self.policy)
        except OutboundRefused as refused:
            raise ValidationFailed.of("url", str(refused)) from refused

    def dispatch(self, store: WebhookStore) -> None:
        """Begin all attempts that are due, as far as there is room; their ends begin the next ones."""
        if self._claiming:
            self._again = True
            return
        self._claiming = True
        try:
            self._again = True
            while self._again and not self._stopping:
                self._again = False
                self._begin_due(store)
        finally:
            self._claiming = False

    def _begin_due(self, store: WebhookStore) -> None:
        while (free := self._pool.free()) > 0 and not self._stopping and self.encryption is not None:
            attempts = store.attempts.claim(free, self.encryption)
            for attempt in attempts:
                self._pool.spawn_n(self._deliver, store, attempt)
            if not attempts:
                return

    def _deliver(self, store: WebhookStore, attempt: Attempt) -> None:
        logs.service_name.set("webhooks")
        try:
            self._record(store, attempt, send(attempt, self.policy, self.settings.webhook_timeout))
            self.dispatch(store)
        except Exception as error:  # the lease ends by itself, and the delivery is sent again
            if isinstance(as_domain_error(error), ServiceUnavailable):
                log.warning("webhook_not_recorded", delivery_id=attempt.delivery_id, error=str(error))
            else:
                log.exception("webhook_failed", delivery_id=attempt.delivery_id)

    def _record(self, store: WebhookStore, attempt: Attempt, outcome: Outcome) -> None:
        wait = retries.delay(self.settings.webhook_retry_seconds, attempt.failures + 1, random.random())
        is_recorded = store.attempts.record(attempt, outcome, wait)
        log.info(
            "webhook_attempt",
            delivery_id=attempt.delivery_id,
            subscription_id=attempt.subscription_id,
            attempt=attempt.number,
            status=outcome.status,
            error=outcome.error,
            recorded=is_recorded,
        )

    def wait(self) -> None:
        """Wait for the attempts under way."""
        self._pool.waitall()

    def stop(self) -> None:
        """Begin no more attempts; wait for those under way, for some seconds."""
        self._stopping = True
        with eventlet.Timeout(STOP_SECONDS, False):
            self._pool.waitall()


class ConfiguredDispatcher(DependencyProvider):
    """Gives each worker the dispatcher of its process."""

    def setup(self) -> None:
        self.dispatcher = Dispatcher(load(WebhookSettings, self.container.service_name))

    def stop(self) -> None:
        self.dispatcher.stop()

    def get_dependency(self, worker_ctx: Any) -> Dispatcher:
        return self.dispatcher
