"""Records of outcomes: a payment's row, the end of its attempt, ledger entries and events in one transaction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from schemas.events import payments as events
from schemas.events.base import Event
from services.chassis.observability import audit_records
from services.chassis.stores.postgres import Session
from services.payments import domain, payment_events
from services.payments.domain import Dispute, Payment, Refund, ledger, vendor_shares
from services.payments.domain.ledger import Entry
from services.payments.payment_events import facts
from services.payments.providers.interface import ChargeResult, DisputeState, ProviderFee
from services.payments.store import PaymentStore
from services.payments.store.claims import Claimed

_DISPUTE_FIELDS: Final = ("amount", "status", "blocks_refunds", "withdrawn", "fee", "evidence_due_at")
"""What the provider's books may change of a dispute."""


class PaymentRecords:
    """Records outcomes on a claimed payment. Each method raises `ClaimLost` if another process has taken over."""

    def __init__(self, store: PaymentStore) -> None:
        self.store = store

    def settle(self, claimed: Claimed, answer: ChargeResult, captured: int = 0, last: bool = False) -> None:
        """Record the outcome of the authorisation; the `last` change gives up the claim."""
        payment = claimed.payment
        confirmed = payment.status == "requires_action"
        captured = (captured or payment.amount) if answer.status == "captured" else 0
        settled = replace(
            payment,
            status=answer.status,
            **_captured(payment, captured),
            token=None,
            reference=answer.reference or payment.reference,
            decline_code=answer.decline_code,
            client_secret=answer.client_secret,
        )
        entries = chain(_sale(settled), _fee_entries(settled, answer.fees))
        self.store.record(claimed, settled, entries, payment_events.outcome(settled, confirmed), last)

    def capture(
        self,
        claimed: Claimed,
        captured: int,
        last: bool = False,
        requested: bool = False,
        fees: Sequence[ProviderFee] = (),
    ) -> None:
        """Record a capture, with the fees for it if they are known already.

        One that staff `requested` is audited; the checkout's own is in the order's history.
        """
        payment = replace(
            claimed.payment, status="captured", client_secret=None, **_captured(claimed.payment, captured)
        )
        published: list[Event] = [events.PaymentCaptured(**facts(payment), captured=captured)]
        if requested and audit_records.staff():
            after = {"captured": captured, "currency": payment.currency}
            record = audit_records.record("payment.capture", ("payment", payment.id), {"captured": 0}, after)
            published.insert(0, record)
        self.store.record(claimed, payment, chain(_sale(payment), _fee_entries(payment, fees)), published, last)

    def fees(self, claimed: Claimed, fees: Sequence[ProviderFee]) -> None:
        """Post the fees that were not posted yet."""
        entries = list(_fee_entries(claimed.payment, fees))
        posted = self.store.posted({entry.reference for entry in entries})
        due = [entry for entry in entries if entry.reference not in posted]
        if due:
            with self.store.transaction() as session:
                claimed.payment = self.store.change(session, claimed)
                self.store.post(session, due)

    def void(self, claimed: Claimed) -> None:
        with self.store.transaction() as session:
            self._change(session, claimed, status="voided", client_secret=None)
            self.store.emit(session, events.PaymentVoided(**facts(claimed.payment)))

    def plan_refund(self, claimed: Claimed, refund: Refund) -> None:
        """Write the refund and its attempt down before the provider is called; a person's request is audited here."""
        with self.store.transaction() as session:
            self.store.insert_refund(session, refund)
            attempt = self.store.plan_attempt(session, claimed, "refund", refund.id, refund.amount, refund.id)
            if refund.origin == "person":
                after = {"refund": refund.amount, "currency": claimed.payment.currency}
                details = {"refund_id": refund.id, "reason": refund.reason}
                self.store.audit(session, "payment.refund", ("payment", refund.payment_id), None, after | details)
        claimed.attempt = attempt

    def refund(self, claimed: Claimed, refund: Refund, reference: str | None) -> None:
        """Record that the planned refund was made."""
        with self.store.transaction() as session:
            made = replace(_shared(claimed.payment, refund), status="succeeded", reference=reference)
            self.store.end_refund(session, made)
            if refund.origin != "person":
                before = {"refunded": claimed.payment.refunded}
                after = {"refunded": claimed.payment.refunded + refund.amount, "currency": claimed.payment.currency}
                details = {"refund_id": refund.id, "reason": refund.reason}
                self.store.audit(session, "payment.refund", ("payment", refund.payment_id), before, after | details)
            self._record_refund(session, claimed, made)

    def foreign_refund(self, claimed: Claimed, refund: Refund) -> None:
        """Record a refund that was made at the provider itself."""
        with self.store.transaction() as session:
            made = _shared(claimed.payment, refund)
            if self.store.insert_refund(session, made):
                self._record_refund(session, claimed, made)

    def fail_refund(self, claimed: Claimed, refund: Refund) -> None:
        """Record that a refund which had succeeded came back to the provider: the money is the shop's again."""
        payment = claimed.payment
        total = payment.refunded_shares - refund.shares
        vendors = vendor_shares.subtract(payment.refunded_vendors, refund.vendors)
        shares: dict[str, Any] = {"refunded_tax": total.tax, "refunded_shipping": total.shipping}
        shares["refunded_vendors"] = vendors
        status = domain.status_after_failed_refund(total.total)
        with self.store.transaction() as session:
            self.store.end_refund(session, replace(refund, status="failed"))
            self._change(session, claimed, status=status, refunded=total.total, **shares)
            self.store.post(session, ledger.failed_refund_entries(payment, refund.id, refund.shares, refund.vendors))
            event = events.PaymentRefundFailed(
                **facts(payment), refund_id=refund.id, refund=refund.amount, refunded=total.total
            )
            self.store.emit(session, event)

    def dispute(self, claimed: Claimed, stored: Dispute | None, found: DisputeState, now: datetime) -> None:
        """Record a dispute as the provider's books show it, and what they show as withdrawn or given back since."""
        payment = claimed.payment
        before = stored or _new_dispute(payment, found, now)
        withdrawn, fee = found.withdrawn - before.withdrawn, found.fee - before.fee
        dispute = replace(
            before,
            **{name: getattr(found, name) for name in _DISPUTE_FIELDS},
            movements=before.movements + bool(withdrawn or fee),
        )
        if dispute.is_closed and dispute.closed_at is None:
            dispute = replace(dispute, closed_at=now)
        if dispute == stored:
            return
        with self.store.transaction() as session:
            claimed.payment = self.store.change(session, claimed)
            if stored is None:
                self.store.insert_dispute(session, dispute)
                self.store.emit(session, payment_events.dispute_opened(payment, dispute))
            else:
                self.store.update_dispute(session, dispute)
            reference = f"{dispute.id}:{dispute.movements}"
            self.store.post(session, ledger.dispute_entries(payment, reference, withdrawn, fee))
            if dispute.is_closed and not (stored and stored.is_closed):
                self.store.emit(session, payment_events.dispute_closed(payment, dispute))

    def refuse_refund(self, claimed: Claimed, refund: Refund) -> None:
        """Record that the provider refused: a person's refund has failed, the order's own was never made."""
        with self.store.transaction() as session:
            if refund.is_kept_when_refused:
                self.store.end_refund(session, replace(refund, status="failed"))
            else:
                self.store.withdraw_refund(session, refund.id)
            self.store.end_attempt(session, claimed, "refused")
        claimed.attempt = None

    def refuse(self, claimed: Claimed) -> None:
        """Record that the provider refused the pending attempt."""
        with self.store.transaction() as session:
            self.store.end_attempt(session, claimed, "refused")
        claimed.attempt = None

    def plan(self, claimed: Claimed, kind: str, base: str, amount: int) -> None:
        """Write an attempt down before the provider is called."""
        with self.store.transaction() as session:
            claimed.attempt = self.store.plan_attempt(session, claimed, kind, base, amount)

    def _record_refund(self, session: Session, claimed: Claimed, refund: Refund) -> None:
        payment = claimed.payment
        total = payment.refunded_shares + refund.shares
        refunded = total.total
        status = domain.status_after_refund(payment.captured, refunded)
        shares: dict[str, Any] = {"refunded_tax": total.tax, "refunded_shipping": total.shipping}
        shares["refunded_vendors"] = vendor_shares.add(payment.refunded_vendors, refund.vendors)
        self._change(session, claimed, status=status, refunded=refunded, **shares)
        self.store.post(session, ledger.refund_entries(payment, refund.id, refund.shares, refund.vendors))
        event = events.PaymentRefunded(
            **facts(payment),
            refund_id=refund.id,
            refund=refund.amount,
            refunded=refunded,
            reason=refund.reason,
        )
        self.store.emit(session, event)

    def _change(self, session: Session, claimed: Claimed, **values: Any) -> None:
        """Change the payment and end the attempt that did it."""
        claimed.payment = self.store.change(session, claimed, **values)
        self.store.end_attempt(session, claimed, "done")
        claimed.attempt = None


def _captured(payment: Payment, captured: int) -> dict[str, Any]:
    """The values of a payment after a capture."""
    shares = payment.shares.part(captured)
    vendors = vendor_shares.part(payment.vendors, payment.shares.goods, shares.goods)
    values: dict[str, Any] = {"captured_tax": shares.tax, "captured_shipping": shares.shipping}
    return values | {"captured": captured, "captured_vendors": vendors}


def _sale(payment: Payment) -> Iterator[Entry]:
    return ledger.capture_entries(payment, payment.captured_shares, payment.captured_vendors)


def _fee_entries(payment: Payment, fees: Iterable[ProviderFee]) -> Iterator[Entry]:
    for fee in fees:
        yield from ledger.fee_entry(payment, fee.reference, fee.amount, fee.currency)


def _shared(payment: Payment, refund: Refund) -> Refund:
    """The refund with its shares of what is left: as requested, or in proportion."""
    left = payment.captured_shares - payment.refunded_shares
    shares = left.part(refund.amount, refund.requested_shares)
    vendors_left = vendor_shares.subtract(payment.captured_vendors, payment.refunded_vendors)
    requested = refund.parts.vendors if refund.parts else None
    vendors = vendor_shares.part(vendors_left, left.goods, shares.goods, requested)
    return replace(refund, tax=shares.tax, shipping=shares.shipping, vendors=vendors)


def _new_dispute(payment: Payment, found: DisputeState, now: datetime) -> Dispute:
    """A dispute that is found, before anything was withdrawn for it."""
    return Dispute(
        domain.dispute_id(payment.id, found.reference),
        payment.id,
        found.reference,
        found.amount,
        found.reason,
        "needs_response",
        found.blocks_refunds,
        opened_at=now,
    )
