"""Moving money: each change is asked of the provider and recorded under the payment's row lock.

The lock is held while the provider is asked, so two changes of one payment can't cross. When the process dies in
between, nothing is recorded, and the same request with the same key finds at the provider what was done already.
"""

import uuid

from sqlalchemy.orm import Session

from schemas.base import Idempotency
from schemas.events import payments as events
from schemas.events.base import Event
from schemas.payments import Authorise
from services.chassis.errors import NotFound, ValidationFailed
from services.payments import domain
from services.payments.domain import PROCESSING, Payment
from services.payments.providers.interface import Answer, Charge, Provider
from services.payments.providers.resilience import Caller
from services.payments.store import PaymentStore


class Till:
    """The operations on a payment, with the providers that this shop has."""

    def __init__(self, store: PaymentStore, providers: dict[str, Provider], callers: dict[str, Caller]) -> None:
        self.store = store
        self.providers = providers
        self.callers = callers

    def authorise(self, command: Authorise) -> Payment:
        """Promise the money. A payment that was reversed before stays so, and no provider hears of it."""
        self._provider(command.provider)
        fields = command.model_dump(exclude={"payment_id"})
        self.store.begin(Payment(id=command.payment_id, status=PROCESSING, **fields))
        with self.store.transaction() as session:
            payment = self.store.lock(session, command.payment_id)
            if payment.status == PROCESSING:
                self._settle(session, payment, self._ask(payment))
        return self.store.read(command.payment_id)

    def capture(self, payment_id: str, amount: int | None, currency: str | None = None) -> None:
        """Take what was promised. Captured before: nothing happens. Raises `InvalidState`, `ValidationFailed`."""
        with self.store.transaction() as session:
            payment = self.store.lock(session, payment_id)
            domain.check_currency(payment, currency)
            if payment.status in domain.TAKEN and amount in (None, payment.captured):
                return
            take = domain.amount_to_capture(payment, amount)
            provider, key = self._provider(payment.provider), f"{payment.id}:capture"
            self._call(payment, lambda: provider.capture(str(payment.reference), take, payment.currency, key))
            self.store.change(session, payment.id, status="captured", captured=take)
            self.store.emit(session, events.PaymentCaptured(**_facts(payment), captured=take))

    def refund(
        self, payment_id: str, amount: int | None, currency: str | None, refund_id: str, reason: str | None
    ) -> None:
        """Give back, once per `refund_id`. Raises `InvalidState`, `ValidationFailed`."""
        with self.store.transaction() as session:
            payment = self.store.lock(session, payment_id)
            if self.store.refund_is_known(session, refund_id):
                return
            domain.check_currency(payment, currency)
            self._give_back(session, payment, domain.amount_to_refund(payment, amount), refund_id, reason)

    def reverse(self, planned: Payment, reason: str) -> Payment:
        """Undo the payment whatever it has come to: void a promise, refund what was taken. Idempotent.

        One that nobody has tried yet is marked as voided, so that a late try finds it closed.
        """
        if self.store.begin(planned):
            return self.store.read(planned.id)
        with self.store.transaction() as session:
            payment = self.store.lock(session, planned.id)
            if payment.status == PROCESSING:
                self._settle(session, payment, self._ask(payment))
                payment = self.store.lock(session, planned.id)
            if payment.status in domain.OPEN:
                self._void(session, payment)
            elif payment.status in domain.TAKEN and payment.refundable:
                refund_id = str(uuid.uuid5(uuid.UUID(payment.id), "reversal"))
                self._give_back(session, payment, payment.refundable, refund_id, reason)
        return self.store.read(planned.id)

    def settle_by_notice(
        self, provider: str, message_id: str, payment_id: str, status: str, decline_code: str | None
    ) -> bool:
        """Take over what the provider says a payment has become. False for a message that came before."""
        with self.store.transaction() as session:
            if not self.store.is_new_message(session, provider, message_id):
                return False
            payment = self.store.lock(session, payment_id)
            if payment.status == "requires_action":
                self._settle(session, payment, Answer(status, payment.reference, decline_code))
        return True

    def _ask(self, payment: Payment) -> Answer:
        provider = self._provider(payment.provider)
        charge = Charge(
            payment.id, payment.order_id, payment.amount, payment.currency, str(payment.token), payment.email
        )
        return self._call(payment, lambda: provider.authorise(charge, payment.id))

    def _settle(self, session: Session, payment: Payment, answer: Answer) -> None:
        captured = payment.amount if answer.status == "captured" else 0
        self.store.change(
            session,
            payment.id,
            status=answer.status,
            captured=captured,
            token=None,
            reference=answer.reference or payment.reference,
            decline_code=answer.decline_code,
            client_secret=answer.client_secret,
        )
        self.store.emit(session, _event_of(payment, answer))

    def _void(self, session: Session, payment: Payment) -> None:
        provider = self._provider(payment.provider)
        self._call(payment, lambda: provider.void(str(payment.reference), f"{payment.id}:void"))
        self.store.change(session, payment.id, status="voided", client_secret=None)
        self.store.emit(session, events.PaymentVoided(**_facts(payment)))

    def _give_back(self, session: Session, payment: Payment, amount: int, refund_id: str, reason: str | None) -> None:
        provider = self._provider(payment.provider)
        reference = self._call(
            payment, lambda: provider.refund(str(payment.reference), amount, payment.currency, refund_id)
        )
        refunded = payment.refunded + amount
        status = domain.status_after_refund(payment.captured, refunded)
        self.store.add_refund(session, refund_id, payment.id, amount, reason, reference)
        self.store.change(session, payment.id, status=status, refunded=refunded)
        said = events.PaymentRefunded(
            **_facts(payment), refund_id=refund_id, refund=amount, refunded=refunded, reason=reason
        )
        self.store.emit(session, said)

    def _provider(self, name: str) -> Provider:
        if name not in self.providers:
            raise ValidationFailed.of("payment_method.provider", f"must be one of: {', '.join(self.providers)}")
        return self.providers[name]

    def _call(self, payment: Payment, request):  # type: ignore[no-untyped-def]
        return self.callers[payment.provider](request)


def refund_id_of(key: Idempotency | None, refund_id: str | None) -> str:
    """The refund's id: the caller's own, or one that its idempotency key stands for."""
    if refund_id is not None:
        return refund_id
    if key is None:
        raise ValidationFailed.of("refund_id", "is needed when there is no Idempotency-Key")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key.owner}:{key.key}"))


def check_owner(payment: Payment, user_id: str | None, is_admin: bool) -> None:
    """Raises `NotFound` unless it is the caller's own payment."""
    if not is_admin and (user_id is None or payment.customer_id != user_id):
        raise NotFound("There is no such payment")


def _facts(payment: Payment) -> dict[str, object]:
    return {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "provider": payment.provider,
        "customer_id": payment.customer_id,
    }


def _event_of(payment: Payment, answer: Answer) -> Event:
    facts = _facts(payment)
    if answer.status == "declined":
        return events.PaymentDeclined(**facts, decline_code=answer.decline_code or "card_declined")
    if answer.status == "requires_action":
        return events.PaymentActionRequired(**facts)
    if answer.status == "captured":
        return events.PaymentCaptured(**facts, captured=payment.amount)
    return events.PaymentAuthorized(**facts)
