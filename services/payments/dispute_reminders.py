"""Reminders that the shop's evidence in a dispute is due."""

from datetime import datetime
from typing import Final

from schemas.events.payments import PaymentDisputeEvidenceDue
from services.payments.domain.dispute import REMIND_BEFORE
from services.payments.payment_events import facts
from services.payments.store import PaymentStore

REMINDERS_PER_RUN: Final = 50


def publish_due(store: PaymentStore, now: datetime) -> int:
    """Publish an event, once, for each dispute whose evidence is due within `REMIND_BEFORE`; returns how many."""
    with store.transaction() as session:
        due = store.take_evidence_due(session, now, now + REMIND_BEFORE, REMINDERS_PER_RUN)
        for payment, dispute in due:
            values = facts(payment) | {"amount": dispute.amount, "dispute_id": dispute.id, "reason": dispute.reason}
            store.emit(session, PaymentDisputeEvidenceDue(**values, evidence_due_at=dispute.evidence_due_at))
    return len(due)
