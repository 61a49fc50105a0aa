"""Payments service: authorise, capture, refund through providers; webhooks."""

import base64
import binascii
from datetime import timedelta
from typing import Any, Final

import structlog

from schemas.api.ledger import AccountsQuery, EntriesQuery
from schemas.api.payments import (
    Authorisation,
    Authorise,
    Capture,
    CapturePayment,
    PaymentState,
    RefundOrder,
    RefundPayment,
    Reverse,
    Webhook,
    WebhookReply,
)
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from schemas.rpc.payments import PaymentsRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, NotFound, ValidationFailed
from services.chassis.common.ids import is_id
from services.chassis.dynamic_config import config
from services.chassis.messaging.personal_data import Person, PersonalDataHandlers, Sections
from services.chassis.messaging.rpc import Json, implements
from services.chassis.runtime.service import Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.payments import dispute_reminders
from services.payments.available_methods import available_methods
from services.payments.domain import PROCESSING, Payment, RefundParts, check_owner, refund_id_of
from services.payments.processor import PaymentProcessor
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.installed import Providers
from services.payments.store import PaymentStore
from services.payments.webhooks import Webhooks

ABANDONED_AFTER: Final = timedelta(minutes=1)
"""Age after which a pending attempt counts as abandoned by its process."""
CHECK_AFTER: Final = timedelta(seconds=15)
"""How long an open payment waits for a webhook before the provider's books are looked at, again and again."""
CHECKS_PER_RUN: Final = 50
COMPARE_WITHIN: Final = timedelta(days=30)
COMPARE_EVERY: Final = timedelta(days=1)
COMPARISONS_PER_RUN: Final = 20

log = structlog.get_logger()


class PaymentsService(PersonalDataHandlers, Service):
    name = "payments"

    store = Postgres(PaymentStore)
    providers = Providers()

    @property
    def processor(self) -> PaymentProcessor:
        return PaymentProcessor(ProviderCalls(self.store, self.providers.providers, self.providers.callers))

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.processor)

    @implements(PaymentsRpc.authorise)
    def authorise(self, command: Authorise) -> Authorisation:
        return _authorisation(self.processor.authorise(command, _commission_basis_points()))

    @implements(PaymentsRpc.available_methods)
    def available_methods(self, caller: Caller) -> Json:
        return available_methods(self.providers.providers, caller)

    @implements(PaymentsRpc.status_of)
    def status_of(self, payment_id: str, refresh: bool = False) -> Authorisation:
        _check_id(payment_id)
        if refresh:
            self.processor.refresh(payment_id)
        return _authorisation(self.store.read(payment_id))

    @implements(PaymentsRpc.capture)
    def capture(self, command: Capture) -> PaymentState:
        _check_id(command.payment_id)
        return _state(self.processor.capture_whole(command.payment_id))

    @implements(PaymentsRpc.capture_payment)
    def capture_payment(self, command: CapturePayment) -> Json:
        _check_id(command.payment_id)
        amount, currency = (command.amount.amount, command.amount.currency) if command.amount else (None, None)
        self.processor.capture(command.payment_id, amount, currency)
        return self.store.resource(command.payment_id)

    @implements(PaymentsRpc.refund)
    def refund(self, command: RefundPayment) -> Json:
        _check_id(command.payment_id)
        amount = command.amount
        self.processor.refund(
            command.payment_id,
            amount.amount if amount else None,
            amount.currency if amount else None,
            refund_id_of(command.idempotency, command.refund_id),
            command.reason,
        )
        return self.store.resource(command.payment_id)

    @implements(PaymentsRpc.refund_order)
    def refund_order(self, command: RefundOrder) -> PaymentState:
        parts = RefundParts(**command.parts.model_dump()) if command.parts else None
        return _state(
            self.processor.refund_order(command.payment_id, command.refund_id, command.amount, command.reason, parts)
        )

    @implements(PaymentsRpc.reverse)
    def reverse(self, command: Reverse) -> PaymentState:
        planned = Payment(
            command.payment_id, command.order_id, None, command.provider, "voided", command.amount, command.currency
        )
        return _state(self.processor.reverse(planned, command.reason))

    @implements(PaymentsRpc.get)
    def get(self, payment_id: str, caller: Caller) -> Json:
        _check_id(payment_id)
        check_owner(self.store.read(payment_id), caller.user_id, caller.may(Permission.PAYMENTS_READ_ANY))
        return self.store.resource(payment_id)

    @implements(PaymentsRpc.ledger_accounts)
    def ledger_accounts(self, query: AccountsQuery, caller: Caller) -> Json:
        return self.store.ledger_accounts(query)

    @implements(PaymentsRpc.ledger_entries)
    def ledger_entries(self, query: EntriesQuery, caller: Caller) -> Json:
        return self.store.ledger_lines(query)

    @implements(PaymentsRpc.webhook)
    def webhook(self, command: Webhook) -> WebhookReply:
        provider = self.providers.providers.get(command.provider)
        if provider is None:
            raise NotFound("There is no such provider")
        try:
            body = base64.b64decode(command.body, validate=True)
        except binascii.Error as malformed:
            raise ValidationFailed.of("body", "must be base64") from malformed
        notice = provider.read_notice(body, command.headers)
        if notice is None:
            return WebhookReply()
        new = self.webhooks.receive(command.provider, notice.message_id, body)
        return WebhookReply(duplicate=not new)

    @every(seconds=5)
    def process_due_webhooks(self) -> None:
        """Process webhooks again whose payment was not known, or could not be looked at."""
        self.webhooks.process_due()

    @every(seconds=30)
    def receive_missed_webhooks(self) -> None:
        """Receive the provider's events that no webhook brought."""
        self.webhooks.receive_missed()

    @every(seconds=60)
    def compare_with_providers(self) -> None:
        """Compare a few captured payments of the last month with the provider's books, each once a day."""
        now = clock.now()
        due = self.store.take_due_comparison(now - COMPARE_WITHIN, now - COMPARE_EVERY, COMPARISONS_PER_RUN)
        for payment_id in due:
            try:
                self.processor.compare(payment_id)
            except DomainError as error:
                log.warning("comparison_failed", payment_id=payment_id, why=str(error))

    @every(seconds=60)
    def remind_of_evidence(self) -> None:
        """Publish which disputes need the shop's evidence soon."""
        dispute_reminders.publish_due(self.store, clock.now())

    @every(seconds=20)
    def check_open_payments(self) -> None:
        """Look open payments up at their provider: a lost webhook is made up for within a minute."""
        for payment_id in self.store.open_payments(clock.now() - CHECK_AFTER, CHECKS_PER_RUN):
            self.processor.refresh(payment_id)

    @every(seconds=60)
    def finish_abandoned_attempts(self) -> None:
        """Finish captures, voids and refunds of processes that died."""
        for payment_id in self.store.abandoned(clock.now() - ABANDONED_AFTER):
            try:
                self.processor.finish(payment_id)
            except DomainError as error:
                log.warning("attempt_retry_scheduled", payment_id=payment_id, why=str(error))

    def personal_data(self, person: Person) -> Sections:
        return self.store.payments_of_person(person.user_id, person.verified_email)

    def erase_person(self, person: Person) -> None:
        self.store.remove_person(person.user_id, person.verified_email)


def _commission_basis_points() -> int:
    return round(float(config.setting("payments.vendor_commission_percent", 0)) * 100)


def _authorisation(payment: Payment) -> Authorisation:
    status: Any = "requires_action" if payment.status == PROCESSING else payment.status
    return Authorisation(
        id=payment.id,
        status=status,
        decline_code=payment.decline_code,
        client_secret=payment.client_secret,
        captured=payment.captured,
        refunded=payment.refunded,
    )


def _state(payment: Payment) -> PaymentState:
    status: Any = "requires_action" if payment.status == PROCESSING else payment.status
    return PaymentState(id=payment.id, status=status, captured=payment.captured, refunded=payment.refunded)


def _check_id(payment_id: str) -> None:
    if not is_id(payment_id):
        raise NotFound("There is no such payment")
