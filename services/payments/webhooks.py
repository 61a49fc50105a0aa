"""Webhooks are hints: they are stored, and then the provider's books are looked at, in whatever order they come.

A webhook that comes twice, late, or before our own answer was recorded therefore changes nothing wrongly; one that
never comes is found in the provider's list of events.
"""

from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from services.chassis.common import clock
from services.chassis.common.errors import DomainError
from services.chassis.common.ids import is_id
from services.payments.processor import PaymentProcessor
from services.payments.providers.interface import WebhookNotice
from services.payments.store.webhooks import StoredWebhook

RETRY_SECONDS: Final = 2.0
"""The delay before the second attempt; it doubles up to the longest."""
LONGEST_RETRY_SECONDS: Final = 600.0
MAX_ATTEMPTS: Final = 20
"""About two and a half hours; later differences are found by the comparison with the books."""
MISSED_WITHIN: Final = timedelta(hours=1)
"""How far back the provider's list of events is read."""
WEBHOOKS_PER_RUN: Final = 50

log = structlog.get_logger()


class Webhooks:
    """Receives, retries and makes up for webhooks."""

    def __init__(self, processor: PaymentProcessor) -> None:
        self.processor = processor
        self.store = processor.store

    def receive(self, provider: str, message_id: str, body: bytes) -> bool:
        """Store a verified webhook and process it. False for one that was stored before."""
        webhook = StoredWebhook(provider, message_id, body)
        if not self.store.store_webhook(webhook, due_seconds=RETRY_SECONDS):
            return False
        self.process(webhook)
        return True

    def process(self, webhook: StoredWebhook) -> None:
        """Process a stored webhook; one whose payment isn't known, or can't be looked at, is tried again later."""
        try:
            why = self._apply(webhook)
        except DomainError as error:
            why = str(error)
        if why is None:
            self.store.end_webhook(webhook, "processed")
        elif webhook.attempts + 1 >= MAX_ATTEMPTS:
            log.error("webhook_given_up", provider=webhook.provider, message_id=webhook.message_id, why=why)
            self.store.end_webhook(webhook, "given_up")
        else:
            self.store.postpone_webhook(webhook, min(RETRY_SECONDS * 2**webhook.attempts, LONGEST_RETRY_SECONDS))

    def process_due(self) -> None:
        for webhook in self.store.due_webhooks(WEBHOOKS_PER_RUN):
            self.process(webhook)

    def receive_missed(self) -> None:
        """Receive what the provider's own list of events has and no webhook brought."""
        for name, provider in self.processor.calls.providers.items():
            request = partial(provider.events, clock.now() - MISSED_WITHIN)
            try:
                events = dict(self.processor.calls.callers[name](request))
            except DomainError as error:
                log.warning("event_list_failed", provider=name, why=str(error))
                continue
            missed = self.store.unknown_messages(name, list(events))
            for message_id in (key for key in reversed(events) if key in missed):  # the oldest first
                self.receive(name, message_id, events[message_id])

    def _apply(self, webhook: StoredWebhook) -> str | None:
        """None when the webhook has done its work; otherwise why not."""
        provider = self.processor.calls.providers.get(webhook.provider)
        notice = provider.parse_notice(webhook.body) if provider else None
        if notice is None:
            return None
        payment_id = self._payment_of(webhook.provider, notice)
        if payment_id is None:
            return "The charge is not known"
        self.processor.apply(payment_id, notice)
        return None

    def _payment_of(self, provider: str, notice: WebhookNotice) -> str | None:
        """The payment by the charge, or by our own id in it while the charge's is not recorded."""
        payment_id = self.store.by_reference(provider, notice.reference)
        if payment_id is None and notice.payment_id is not None and is_id(notice.payment_id):
            payment = self.store.find(notice.payment_id)
            if payment is not None and payment.provider == provider:
                payment_id = payment.id
        return payment_id
