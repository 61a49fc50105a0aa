"""Events of payments: what each outcome publishes."""

from typing import Any

from schemas.events import payments as events
from schemas.events.base import Event
from services.payments.domain import Dispute, Payment


def facts(payment: Payment) -> dict[str, Any]:
    """The fields that all events of a payment have."""
    return {
        "payment_id": payment.id,
        "order_id": payment.order_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "provider": payment.provider,
        "customer_id": payment.customer_id,
    }


def dispute_opened(payment: Payment, dispute: Dispute) -> Event:
    values = facts(payment) | {"amount": dispute.amount, "dispute_id": dispute.id, "reason": dispute.reason}
    return events.PaymentDisputeOpened(**values, evidence_due_at=dispute.evidence_due_at)


def dispute_closed(payment: Payment, dispute: Dispute) -> Event:
    values = facts(payment) | {"amount": dispute.amount, "dispute_id": dispute.id, "reason": dispute.reason}
    return events.PaymentDisputeClosed(**values, outcome=dispute.status)


def outcome(payment: Payment) -> Event:
    """The event of an authorisation's outcome, by the payment's status."""
    if payment.status == "declined":
        return events.PaymentDeclined(**facts(payment), decline_code=payment.decline_code or "card_declined")
    if payment.status == "requires_action":
        return events.PaymentActionRequired(**facts(payment))
    if payment.status == "captured":
        return events.PaymentCaptured(**facts(payment), captured=payment.captured)
    if payment.status == "voided":
        return events.PaymentVoided(**facts(payment))
    return events.PaymentAuthorized(**facts(payment))
