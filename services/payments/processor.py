"""Payment processor: each change is requested from the provider and recorded under the payment's row lock.

The lock is held while the provider is asked, so two changes of one payment can't cross. When the process dies in
between, the same request with the same key finds at the provider what was done already. What nobody may ask again
is written down before (refunds), or found by looking at the provider's books (a capture that a reversal stumbles on).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from schemas.api.payments import Authorise
from schemas.events import payments as events
from schemas.events.base import Event
from services.chassis.common.errors import InvalidState, ValidationFailed
from services.chassis.observability import audit_records
from services.chassis.stores.postgres import Session
from services.payments import domain
from services.payments.domain import PROCESSING, Payment, Refund
from services.payments.providers.interface import Charge, ChargeResult, ChargeState, Provider, ProviderRefuses
from services.payments.providers.resilience import Caller
from services.payments.store import PaymentStore

T = TypeVar("T")


class PaymentProcessor:
    """The operations on a payment, with the configured providers."""

    def __init__(self, store: PaymentStore, providers: dict[str, Provider], callers: dict[str, Caller]) -> None:
        self.store = store
        self.providers = providers
        self.callers = callers

    def authorise(self, command: Authorise) -> Payment:
        """Authorise the amount. A reversed payment stays reversed, and no provider is called.

        Raises `IdempotencyKeyReused` when the payment's id came before with other values.
        """
        self._provider(command.provider)
        requested = Payment(id=command.payment_id, status=PROCESSING, **command.model_dump(exclude={"payment_id"}))
        self.store.begin(requested)
        with self.store.transaction() as session:
            payment = self.store.lock(session, requested.id)
            domain.check_same_payment(payment, requested)
            if payment.status == PROCESSING:
                payment = self._settle(session, payment, self._ask(payment))
        return payment

    def capture(self, payment_id: str, amount: int | None, currency: str | None = None) -> Payment:
        """Capture the authorised amount; a captured payment is unchanged. Raises `InvalidState`, `ValidationFailed`."""
        with self.store.transaction() as session:
            payment = self.store.lock(session, payment_id)
            domain.check_currency(payment, currency)
            if payment.status in domain.CAPTURED_STATUSES and amount in (None, payment.captured):
                return payment
            take = domain.amount_to_capture(payment, amount)
            provider, key = self._provider(payment.provider), f"{payment.id}:capture:{take}"
            try:
                self._call(payment, lambda: provider.capture(str(payment.reference), take, payment.currency, key))
            except ProviderRefuses:
                if self._look_up(payment) != ChargeState("captured", take):
                    raise
            if audit_records.staff():  # what the checkout takes by itself is in the order's own history
                after = {"captured": take, "currency": payment.currency}
                self.store.audit(session, "payment.capture", ("payment", payment.id), {"captured": 0}, after)
            return self._record_capture(session, payment, take)

    def refund(
        self, payment_id: str, amount: int | None, currency: str | None, refund_id: str, reason: str | None
    ) -> None:
        """Refund, once per `refund_id`. Raises `InvalidState`, `ValidationFailed`, `IdempotencyKeyReused`."""
        with self.store.transaction() as session:
            payment = self._lock_settled(session, payment_id)
            existing = self.store.find_refund(session, refund_id)
            if existing is None:
                domain.check_currency(payment, currency)
                part = domain.amount_to_refund(payment, amount)
                self._plan_refund(session, payment, Refund(refund_id, payment.id, part, reason, "pending"))
            else:
                domain.check_same_refund(existing, payment_id, amount)
        self.finish_refunds(payment_id)
        self._check_refund(refund_id)

    def reverse(self, planned: Payment, reason: str) -> Payment:
        """Undo the payment in any state: void an authorisation, refund a capture. Idempotent.

        One that was never attempted is marked as voided, so that a late attempt is refused.
        """
        if self.store.begin(planned):
            return self.store.read(planned.id)
        refund_id: str | None = None
        with self.store.transaction() as session:
            payment = self._lock_settled(session, planned.id)
            if payment.status == PROCESSING:
                payment = self._settle(session, payment, self._ask(payment))
            if payment.status in domain.VOIDABLE_STATUSES:
                payment = self._void(session, payment)
            if payment.status in domain.CAPTURED_STATUSES:
                refund_id = domain.reversal_id(payment)
                refund = Refund(refund_id, payment.id, payment.refundable, reason, "pending")
                self._plan_refund(session, payment, refund)
        if refund_id is not None:
            self.finish_refunds(planned.id)
            self._check_refund(refund_id)
        return self.store.read(planned.id)

    def finish_refunds(self, payment_id: str) -> None:
        """Carry out pending refunds of a payment: newly planned ones, or those of a process that died."""
        with self.store.transaction() as session:
            self._lock_settled(session, payment_id)

    def settle_by_notice(
        self, provider: str, message_id: str, payment_id: str, status: str, decline_code: str | None
    ) -> bool:
        """Apply the status that a provider's webhook reports. False for a repeated message."""
        with self.store.transaction() as session:
            if not self.store.is_new_message(session, provider, message_id):
                return False
            payment = self.store.lock(session, payment_id)
            if payment.status == "requires_action":
                self._settle(session, payment, ChargeResult(status, payment.reference, decline_code))
        return True

    # -- the steps, each under the payment's lock ----------------------------------------------------------------

    def _lock_settled(self, session: Session, payment_id: str) -> Payment:
        """Lock the payment and carry out its pending refunds, so that the refundable amount is exact."""
        payment = self.store.lock(session, payment_id)
        for refund in self.store.pending_refunds(session, payment_id):
            payment = self._execute_refund(session, payment, refund)
        return payment

    def _ask(self, payment: Payment) -> ChargeResult:
        provider = self._provider(payment.provider)
        charge = Charge(
            payment.id, payment.order_id, payment.amount, payment.currency, str(payment.token), payment.email
        )
        return self._call(payment, lambda: provider.authorise(charge, payment.id))

    def _settle(self, session: Session, payment: Payment, answer: ChargeResult) -> Payment:
        settled = self.store.change(
            session,
            payment,
            status=answer.status,
            captured=payment.amount if answer.status == "captured" else 0,
            token=None,
            reference=answer.reference or payment.reference,
            decline_code=answer.decline_code,
            client_secret=answer.client_secret,
        )
        self.store.emit(session, _event_of(settled))
        return settled

    def _record_capture(self, session: Session, payment: Payment, captured: int) -> Payment:
        self.store.emit(session, events.PaymentCaptured(**_facts(payment), captured=captured))
        return self.store.change(session, payment, status="captured", captured=captured, client_secret=None)

    def _void(self, session: Session, payment: Payment) -> Payment:
        """Void the authorisation; or find that it was captured by a process that died before recording it."""
        provider = self._provider(payment.provider)
        try:
            self._call(payment, lambda: provider.void(str(payment.reference), f"{payment.id}:void"))
        except ProviderRefuses:
            state = self._look_up(payment)
            if state.status == "captured":
                return self._record_capture(session, payment, state.captured)
            if state.status not in ("voided", "declined"):
                raise
        self.store.emit(session, events.PaymentVoided(**_facts(payment)))
        return self.store.change(session, payment, status="voided", client_secret=None)

    def _execute_refund(self, session: Session, payment: Payment, refund: Refund) -> Payment:
        provider = self._provider(payment.provider)
        try:
            reference = self._call(
                payment, lambda: provider.refund(str(payment.reference), refund.amount, payment.currency, refund.id)
            )
        except ProviderRefuses:
            self.store.end_refund(session, refund.id, "failed")
            return payment
        refunded = payment.refunded + refund.amount
        self.store.end_refund(session, refund.id, "succeeded", reference)
        event = events.PaymentRefunded(
            **_facts(payment), refund_id=refund.id, refund=refund.amount, refunded=refunded, reason=refund.reason
        )
        self.store.emit(session, event)
        status = domain.status_after_refund(payment.captured, refunded)
        return self.store.change(session, payment, status=status, refunded=refunded)

    def _check_refund(self, refund_id: str) -> None:
        with self.store.transaction() as session:
            refund = self.store.find_refund(session, refund_id)
        if refund is not None and refund.status == "failed":
            raise InvalidState("The payment provider refused the refund", [{"refund_id": refund_id}])

    def _plan_refund(self, session: Session, payment: Payment, refund: Refund) -> None:
        self.store.plan_refund(session, refund)
        before, after = {"refunded": payment.refunded}, {"refunded": payment.refunded + refund.amount}
        details = {"currency": payment.currency, "refund_id": refund.id, "reason": refund.reason}
        self.store.audit(session, "payment.refund", ("payment", payment.id), before, after | details)

    def _look_up(self, payment: Payment) -> ChargeState:
        provider = self._provider(payment.provider)
        return self._call(payment, lambda: provider.look_up(str(payment.reference)))

    def _provider(self, name: str) -> Provider:
        if name not in self.providers:
            raise ValidationFailed.of("payment_method.provider", f"must be one of: {', '.join(self.providers)}")
        return self.providers[name]

    def _call(self, payment: Payment, request: Callable[[], T]) -> T:
        return self.callers[payment.provider](request)


def _facts(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "provider": payment.provider,
        "customer_id": payment.customer_id,
    }


def _event_of(payment: Payment) -> Event:
    facts = _facts(payment)
    if payment.status == "declined":
        return events.PaymentDeclined(**facts, decline_code=payment.decline_code or "card_declined")
    if payment.status == "requires_action":
        return events.PaymentActionRequired(**facts)
    if payment.status == "captured":
        return events.PaymentCaptured(**facts, captured=payment.amount)
    return events.PaymentAuthorized(**facts)
