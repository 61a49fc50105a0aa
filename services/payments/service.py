"""Payments: promised, taken, given back; through a sandbox or Stripe; told by webhooks as well."""

import base64
import binascii
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from pydantic import Field

from schemas.api.payments import Authorisation, Authorise, Capture, Provider, RefundPayment, Webhook, WebhookReply
from schemas.base import Caller, Currency, Id, ShortText
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, NotFound, ValidationFailed
from services.chassis.common.ids import is_id
from services.chassis.messaging.rpc import rpc
from services.chassis.runtime.service import Service
from services.chassis.runtime.timers import every
from services.chassis.stores.postgres import Postgres
from services.payments.domain import PROCESSING, Payment, check_owner, refund_id_of
from services.payments.providers.installed import Providers
from services.payments.store import PaymentStore
from services.payments.till import Till

LEFT_BEHIND: Final = timedelta(minutes=1)
"""A refund that is pending for so long has nobody any more who carries it out."""

log = structlog.get_logger()


class PaymentsService(Service):
    name = "payments"

    store = Postgres(PaymentStore)
    providers = Providers()

    @property
    def till(self) -> Till:
        return Till(self.store, self.providers.providers, self.providers.callers)

    @rpc
    def authorise(self, command: Authorise) -> Authorisation:
        """Promise the money of an order. A decline is an answer, not an error.

        Idempotent under `payment_id`. Raises `ServiceUnavailable` when the provider's answer isn't known (ask again),
        `ValidationFailed` for a provider that this shop doesn't have.
        """
        return _authorisation(self.till.authorise(command))

    @rpc
    def status_of(self, payment_id: str) -> Authorisation:
        """How a payment stands. Raises `NotFound`."""
        _check_id(payment_id)
        return _authorisation(self.store.read(payment_id))

    @rpc
    def capture(self, command: Capture) -> dict[str, Any]:
        """Take what was promised, or a part. A payment that is captured already is replied as it is.

        A caller is shown the whole payment; an order that has none hears `{id, status}`, and nothing is read for it.
        Raises `InvalidState` for one that promises nothing, `ValidationFailed` on `amount`, `NotFound`.
        """
        _check_id(command.payment_id)
        amount, currency = (command.amount.amount, command.amount.currency) if command.amount else (None, None)
        payment = self.till.capture(command.payment_id, amount, currency)
        if command.caller is None:
            return {"id": payment.id, "status": payment.status}
        return self.store.resource(payment.id)

    @rpc
    def refund(self, command: RefundPayment) -> dict[str, Any]:
        """Give back all that is left, or a part: once per `refund_id` or idempotency key. Raises as `capture`."""
        _check_id(command.payment_id)
        amount = command.amount
        self.till.refund(
            command.payment_id,
            amount.amount if amount else None,
            amount.currency if amount else None,
            refund_id_of(command.idempotency, command.refund_id),
            command.reason,
        )
        return self.store.resource(command.payment_id)

    @rpc
    def reverse(
        self,
        payment_id: Id,
        order_id: Id,
        amount: Annotated[int, Field(ge=0)],
        currency: Currency,
        provider: Provider,
        reason: ShortText,
    ) -> dict[str, Any]:
        """Undo a payment, whatever it has come to, or keep it from ever happening. Idempotent.

        Replies `{status, refunded}`: `voided`, `refunded`, or `declined` where there is nothing to undo.
        """
        planned = Payment(payment_id, order_id, None, provider, "voided", amount, currency)
        payment = self.till.reverse(planned, reason)
        return {"status": payment.status, "refunded": payment.refunded}

    @rpc
    def get(self, payment_id: str, caller: Caller) -> dict[str, Any]:
        """A payment with its refunds; the caller's own, or any for an administrator. Raises `NotFound`."""
        _check_id(payment_id)
        check_owner(self.store.read(payment_id), caller.user_id, caller.is_admin)
        return self.store.resource(payment_id)

    @rpc
    def webhook(self, command: Webhook) -> WebhookReply:
        """Hear a provider's message; one that came before changes nothing.

        Raises `NotFound` for an unknown provider or charge, `Unauthenticated` for a signature that isn't theirs.
        """
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
        payment_id = self.store.by_reference(command.provider, notice.reference)
        if payment_id is None:
            raise NotFound("There is no such charge")
        new = self.till.settle_by_notice(
            command.provider, notice.message_id, payment_id, notice.status, notice.decline_code
        )
        return WebhookReply(duplicate=not new)

    @every(seconds=60)
    def finish_refunds_left_behind(self) -> None:
        """Give back what was promised to be given back, though the process that was about to do it died."""
        for payment_id in self.store.left_pending(clock.now() - LEFT_BEHIND):
            try:
                self.till.finish_refunds(payment_id)
            except DomainError as error:
                log.warning("refund_put_off", payment_id=payment_id, why=str(error))


def _authorisation(payment: Payment) -> Authorisation:
    status: Any = "requires_action" if payment.status == PROCESSING else payment.status
    return Authorisation(
        id=payment.id, status=status, decline_code=payment.decline_code, client_secret=payment.client_secret
    )


def _check_id(payment_id: str) -> None:
    if not is_id(payment_id):
        raise NotFound("There is no such payment")
