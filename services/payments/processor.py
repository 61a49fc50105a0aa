"""Payment processor: what can be requested of a payment.

Each operation claims the payment, so that two can't cross, and holds no transaction open while the provider is
called. What is requested of the provider is written down before (an attempt): when the process dies in between, the
next operation on the payment finishes the attempt first, by its key or by what the provider's books show.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from schemas.api.payments import Authorise
from services.chassis.common.errors import DomainError, InvalidState, ServiceUnavailable
from services.chassis.common.ids import new_id
from services.payments import domain
from services.payments.domain import PROCESSING, Payment, Refund, RefundParts, vendor_shares
from services.payments.operations import Operations, check_same, refused
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.interface import WebhookNotice
from services.payments.records import PaymentRecords
from services.payments.store.claims import Claimed

CHECK_INTERVAL: Final = timedelta(seconds=3)
"""The shortest time between two looks at the provider's books for one open payment."""
NOTICE_WAIT_SECONDS: Final = 1.0
"""How long a webhook waits for an operation on its payment; then it is tried again later."""

log = structlog.get_logger()


class PaymentProcessor:
    """The operations on a payment, with the configured providers."""

    def __init__(self, calls: ProviderCalls) -> None:
        self.calls = calls
        self.store = calls.store
        self.operations = Operations(calls, PaymentRecords(calls.store))

    def authorise(self, command: Authorise, commission_basis_points: int = 0) -> Payment:
        """Authorise the amount, and capture it as the command says. A reversed payment stays reversed, and no provider
        is called. Vendors are owed the goods that they sold, less the commission.

        Raises `IdempotencyKeyReused` when the payment's id came before with other values.
        """
        self.calls.provider(command.provider)
        vendors = vendor_shares.less_commission(command.vendors, commission_basis_points)
        values = command.model_dump(exclude={"payment_id", "vendors", "capture"})
        requested = Payment(id=command.payment_id, status=PROCESSING, vendors=vendors, **values)
        begun = self.store.begin(requested, self.calls.lease)
        if begun is not None:
            with self.calls.held(begun):
                self.operations.authorise(begun, resumed=False, last=True, capture=command.capture)
            return begun.payment
        stored = check_same(self.store.read(requested.id), requested)
        if stored.status != PROCESSING:
            return stored
        with self.calls.claimed(requested.id) as claimed:
            if claimed.payment.status == PROCESSING:
                self.operations.authorise(claimed, resumed=True, last=True, capture=command.capture)
        return claimed.payment

    def capture(self, payment_id: str, amount: int | None, currency: str | None = None) -> Payment:
        """Capture the authorised amount; a captured payment is unchanged. Raises `InvalidState`, `ValidationFailed`."""
        with self.calls.claimed(payment_id) as claimed:
            self.operations.resume(claimed)
            payment = claimed.payment
            domain.check_currency(payment, currency)
            if payment.status in domain.CAPTURED_STATUSES and amount in (None, payment.captured):
                return payment
            take = domain.amount_to_capture(payment, amount)
            self.operations.capture(claimed, take, last=True, requested=True)
        return claimed.payment

    def capture_whole(self, payment_id: str) -> Payment:
        """Capture the whole amount for the order. Raises `InvalidState` when only a part was captured."""
        try:
            payment = self.capture(payment_id, None)
        except InvalidState:
            payment = self.store.read(payment_id)
            if payment.status not in domain.CAPTURED_STATUSES:
                raise
        domain.check_captured_whole(payment)
        return payment

    def refund(
        self, payment_id: str, amount: int | None, currency: str | None, refund_id: str, reason: str | None
    ) -> None:
        """Refund, once per `refund_id`. Raises `InvalidState`, `ValidationFailed`, `IdempotencyKeyReused`."""
        with self.calls.claimed(payment_id) as claimed:
            self.operations.resume(claimed)
            existing = self.store.find_refund(refund_id)
            if existing is not None:
                domain.check_same_refund(existing, payment_id, amount)
                if existing.status == "failed":
                    raise refused(existing, False, "The payment provider refused the refund")
                return
            domain.check_currency(claimed.payment, currency)
            part = domain.amount_to_refund(claimed.payment, amount)
            self.operations.refund(claimed, Refund(refund_id, payment_id, part, reason, "pending", amount))

    def refund_order(
        self, payment_id: str, refund_id: str, amount: int, reason: str | None, parts: RefundParts | None = None
    ) -> Payment:
        """Refund `amount`, or what is left if that is less, for lines of an order. Idempotent under `refund_id`.
        `parts` of the amount are for the ledger.

        Raises `InvalidState` when the provider refuses for good; the same request may then be tried again.
        """
        with self.calls.claimed(payment_id) as claimed:
            self.operations.resume(claimed)
            existing = self.store.find_refund(refund_id)
            if existing is not None:
                domain.check_same_refund(existing, payment_id, amount)
            else:
                refund = Refund(refund_id, payment_id, amount, reason, "pending", amount, "order", parts=parts)
                self._refund_what_is_left(claimed, refund)
        return claimed.payment

    def reverse(self, planned: Payment, reason: str) -> Payment:
        """Undo the payment in any state: void an authorisation, refund a capture. Idempotent.

        One that was never attempted is marked as voided, so that a late attempt is refused. Raises `InvalidState`
        when the provider refuses the refund for good: the details' `reason` is `disputed` or `refused`.
        """
        if self.store.block(planned):
            return self.store.read(planned.id)
        with self.calls.claimed(planned.id) as claimed:
            self.operations.resume(claimed)
            if claimed.payment.status == PROCESSING:
                self.operations.authorise(claimed, resumed=True)
            if claimed.payment.status in domain.VOIDABLE_STATUSES:
                self.operations.void(claimed)
            if claimed.payment.status in domain.CAPTURED_STATUSES:
                refund = Refund("", planned.id, claimed.payment.captured, reason, "pending", None, "reversal")
                self._refund_what_is_left(claimed, refund)
        return claimed.payment

    def _refund_what_is_left(self, claimed: Claimed, request: Refund) -> None:
        """Refund what was requested (None: all) of what is left, also when the books turn out to show less than ours.

        Each attempt has an id of its own, unless the order chose one.
        """
        while True:
            payment = claimed.payment
            part = domain.amount_left_to_refund(payment, request.requested)
            if part == 0 and (payment.captured or payment.status not in domain.CAPTURED_STATUSES):
                return None
            refund = replace(request, id=request.id or new_id(), amount=part)
            try:
                return self.operations.refund(claimed, refund)
            except InvalidState:
                if claimed.payment.refundable == payment.refundable:
                    raise

    def finish(self, payment_id: str) -> None:
        """Finish the attempt of a process that died."""
        with self.calls.claimed(payment_id, wait=0) as claimed:
            self.operations.resume(claimed)

    def refresh(self, payment_id: str) -> bool:
        """Look an open payment up at the provider and settle it; at most once per `CHECK_INTERVAL`.

        False when it was not looked up: settled, looked up just now, or being worked on.
        """
        if not self.store.take_check(payment_id, CHECK_INTERVAL):
            return False
        try:
            with self.calls.claimed(payment_id, wait=0) as claimed:
                self._look_up_open(claimed)
        except DomainError as error:
            log.warning("payment_check_failed", payment_id=payment_id, why=str(error))
            return False
        return True

    def _look_up_open(self, claimed: Claimed) -> None:
        if claimed.payment.status == PROCESSING and claimed.attempt is not None:
            since = claimed.attempt.started_at
            payment_id = claimed.payment.id
            charge = self.calls.call(claimed, lambda provider: provider.find(payment_id, since))
            if charge is not None:
                self.operations.records.settle(claimed, charge)
            if claimed.payment.status == PROCESSING:
                raise ServiceUnavailable("The provider does not know the payment yet")
        elif claimed.payment.status == "requires_action":
            self.operations.resume(claimed)
            self.operations.compare(claimed, self.calls.look_up(claimed))

    def apply(self, payment_id: str, notice: WebhookNotice) -> None:
        """Act on a webhook: look at the provider's books, unless its news is recorded already."""
        with self.calls.claimed(payment_id, wait=NOTICE_WAIT_SECONDS) as claimed:
            status = claimed.payment.status
            if status in domain.OPEN_STATUSES:
                self._look_up_open(claimed)
            elif notice.kind != "status" or (status == "authorized" and notice.status != "authorized"):
                self._compare(claimed)

    def compare(self, payment_id: str) -> None:
        """Record what the provider's books show beyond ours, such as refunds made there."""
        with self.calls.claimed(payment_id, wait=0) as claimed:
            self._compare(claimed)

    def _compare(self, claimed: Claimed) -> None:
        self.operations.resume(claimed)
        if claimed.payment.reference is not None and claimed.payment.status not in ("declined", "voided"):
            self.operations.compare(claimed, self.calls.look_up(claimed))
