"""Single operations on a claimed payment: write down, call the provider, record. Each can be resumed."""

from contextlib import suppress
from typing import Final

import structlog

from services.chassis.common import clock
from services.chassis.common.errors import InvalidState
from services.payments import domain
from services.payments.domain import Payment, Refund
from services.payments.provider_calls import ProviderCalls
from services.payments.providers.interface import (
    Charge,
    ChargeResult,
    ChargeState,
    Provider,
    ProviderRefuses,
    ProviderUnavailable,
)
from services.payments.records import PaymentRecords
from services.payments.store.claims import Claimed

_ENDED: Final = ("voided", "declined", "captured")
"""What a charge may have become that can't be voided."""

log = structlog.get_logger()


class Operations:
    """Authorise, capture, void, refund; and the comparison with the provider's books."""

    def __init__(self, calls: ProviderCalls, records: PaymentRecords) -> None:
        self.calls = calls
        self.records = records
        self.store = calls.store

    def resume(self, claimed: Claimed) -> None:
        """Finish the attempt that another process left, except an authorisation."""
        attempt = claimed.attempt
        if attempt is None or attempt.kind == "authorise":
            return
        with suppress(InvalidState):  # refused by the provider: recorded, and nobody waits for it
            if attempt.kind == "capture":
                self.capture(claimed, attempt.amount, resumed=True)
            elif attempt.kind == "void":
                self.void(claimed, resumed=True)
            else:
                refund = self.store.find_refund(str(attempt.refund_id))
                assert refund is not None
                self.refund(claimed, refund, resumed=True)

    def authorise(self, claimed: Claimed, resumed: bool, last: bool = False, capture: bool = False) -> None:
        payment = claimed.payment
        charge = Charge(
            payment.id, payment.order_id, payment.amount, payment.currency, str(payment.token), payment.email, capture
        )

        def request(provider: Provider, key: str) -> ChargeResult:
            return provider.authorise(charge, key)

        try:
            answer = self.calls.run(claimed, request, lambda: self._find(claimed), resumed)
        except ProviderRefuses:  # such as a key that came with other values
            answer = self._find(claimed) or ChargeResult("declined", decline_code="refused_by_provider")
        self.records.settle(claimed, answer, last=last)

    def _find(self, claimed: Claimed) -> ChargeResult | None:
        assert claimed.attempt is not None
        payment, since = claimed.payment, claimed.attempt.started_at
        return self.calls.call(claimed, lambda provider: provider.find(payment.id, since))

    def capture(
        self, claimed: Claimed, amount: int, resumed: bool = False, last: bool = False, requested: bool = False
    ) -> None:
        """Capture. Raises `InvalidState` for a refusal, after what the books show was recorded."""
        payment = claimed.payment
        if not resumed:
            self.records.plan(claimed, "capture", f"{payment.id}:capture:{amount}", amount)

        def request(provider: Provider, key: str) -> ChargeState:
            fees = provider.capture(str(payment.reference), amount, payment.currency, key)
            return ChargeState("captured", amount, fees=fees)

        def find() -> ChargeState | None:
            state = self.calls.look_up(claimed)
            return state if state.status == "captured" else None

        try:
            state = self.calls.run(claimed, request, find, resumed)
        except ProviderRefuses:
            state = self.calls.look_up(claimed)
            self.records.refuse(claimed)
            self.compare(claimed, state)
            if claimed.payment.status not in domain.CAPTURED_STATUSES or claimed.payment.captured != amount:
                raise
            return
        self.records.capture(claimed, state.captured, last, requested, state.fees)
        if state.captured != amount:
            raise InvalidState(f"{state.captured} was captured already", [{"captured": state.captured}])

    def void(self, claimed: Claimed, resumed: bool = False) -> None:
        """Void the authorisation; or find that it was captured meanwhile.

        Raises `ProviderUnavailable` while the provider is still working on it, `InvalidState` for a refusal for good.
        """
        payment = claimed.payment
        if not resumed:
            self.records.plan(claimed, "void", f"{payment.id}:void", payment.amount)

        def request(provider: Provider, key: str) -> ChargeState:
            provider.void(str(payment.reference), key)
            return ChargeState("voided")

        def find() -> ChargeState | None:
            state = self.calls.look_up(claimed)
            return state if state.status in _ENDED else None

        try:
            state = self.calls.run(claimed, request, find, resumed)
        except ProviderRefuses as refusal:
            state = self.calls.look_up(claimed)
            if state.status not in _ENDED:
                self.records.refuse(claimed)
                raise _void_refused(state, refusal) from refusal
        if state.status == "captured":
            self.records.refuse(claimed)
            self.compare(claimed, state)
        else:
            self.records.void(claimed)

    def refund(self, claimed: Claimed, refund: Refund, resumed: bool = False) -> None:
        """Refund what was planned. Raises `InvalidState` when the provider refuses for good.

        The details' `reason` is `disputed` or `refused`; refunds made at the provider are recorded before.
        """
        payment = claimed.payment
        if not resumed:
            self._check_not_disputed(claimed, refund)
            self.records.plan_refund(claimed, refund)

        def request(provider: Provider, key: str) -> str:
            return provider.refund(str(payment.reference), refund.amount, payment.currency, key, refund.id)

        def find() -> str | None:
            made = [item for item in self.calls.look_up(claimed).refunds if item.refund_id == refund.id]
            return next((item.reference for item in made if item.status == "succeeded"), None)

        try:
            reference = self.calls.run(claimed, request, find, resumed)
        except ProviderRefuses as refusal:
            state = self.calls.look_up(claimed)
            self.records.refuse_refund(claimed, refund)
            self.compare(claimed, state)
            raise refused(refund, state.disputed, refusal.message) from refusal
        self.records.refund(claimed, refund, reference)

    def _check_not_disputed(self, claimed: Claimed, refund: Refund) -> None:
        """Raises `InvalidState` while a dispute stands; the books are looked at, because its end may be news."""
        if self.store.is_disputed(refund.payment_id):
            self.compare(claimed, self.calls.look_up(claimed))
            if self.store.is_disputed(refund.payment_id):
                raise refused(refund, True, "")

    def compare(self, claimed: Claimed, state: ChargeState) -> None:
        """Record what the provider's books show beyond ours. No attempt may be pending but the authorisation's."""
        payment = claimed.payment
        if payment.status in domain.OPEN_STATUSES and state.status not in domain.OPEN_STATUSES:
            status = "declined" if state.status == "voided" else state.status
            answer = ChargeResult(status, payment.reference, state.decline_code)
            self.records.settle(claimed, answer, state.captured)
        elif payment.status == "authorized" and state.status == "captured":
            self.records.capture(claimed, state.captured)
        elif payment.status == "authorized" and state.status in ("voided", "declined"):
            self.records.void(claimed)
        if state.refunds and claimed.payment.captured:
            self._compare_refunds(claimed, state)
        if state.fees and claimed.payment.captured:
            self.records.fees(claimed, state.fees)
        if state.disputes:
            stored = {dispute.reference: dispute for dispute in self.store.disputes_of(payment.id)}
            for dispute in state.disputes:
                self.records.dispute(claimed, stored.get(dispute.reference), dispute, clock.now())

    def _compare_refunds(self, claimed: Claimed, state: ChargeState) -> None:
        payment = claimed.payment
        refunds = self.store.refunds_of(payment.id)
        recorded = {refund.reference for refund in refunds if refund.reference} | {refund.id for refund in refunds}
        for entry in sorted(state.refunds, key=lambda one: one.status != "failed"):  # these first: they free an amount
            mine = next((one for one in refunds if entry.reference == one.reference), None)
            if entry.status == "failed" and mine is not None and mine.status == "succeeded":
                log.warning("refund_came_back", payment_id=payment.id, refund_id=mine.id, amount=mine.amount)
                self.records.fail_refund(claimed, mine)
            elif entry.status == "succeeded" and not recorded.intersection((entry.reference, entry.refund_id)):
                if entry.amount > claimed.payment.refundable:
                    log.error("provider_refunded_too_much", payment_id=payment.id, reference=entry.reference)
                    continue
                refund_id = domain.provider_refund_id(payment.id, entry.reference)
                foreign = Refund(
                    refund_id, payment.id, entry.amount, None, "succeeded", entry.amount, "provider", entry.reference
                )
                log.info("provider_refund_found", payment_id=payment.id, refund_id=refund_id, amount=entry.amount)
                self.records.foreign_refund(claimed, foreign)


def refused(refund: Refund, disputed: bool, message: str) -> InvalidState:
    """The refusal of a refund, for a person or the order that requested it."""
    reason = "disputed" if disputed else "refused"
    text = "The charge is disputed: it can't be refunded" if disputed else message
    return InvalidState(text, [{"reason": reason, "message": text, "refund_id": refund.id}])


def _void_refused(state: ChargeState, refusal: ProviderRefuses) -> InvalidState | ProviderUnavailable:
    """The refusal of a void: passing while the outcome of the charge is open, otherwise for a person."""
    if state.status in domain.OPEN_STATUSES:
        return ProviderUnavailable("The payment provider is still working on the charge")
    return InvalidState(refusal.message, [{"reason": "refused", "message": refusal.message}])


def check_same(stored: Payment, requested: Payment) -> Payment:
    """The stored payment. Raises `IdempotencyKeyReused` when it was requested with other values."""
    domain.check_same_payment(stored, requested)
    return stored
