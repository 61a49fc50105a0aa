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


def outcome(payment: Payment, confirmed: bool = False) -> list[Event]:
    """The events of an authorisation's outcome, by the payment's status.

    A payment that was captured at once has no `payment_authorized`, unless the customer has `confirmed` it: its order
    waits for that event.
    """
    match payment.status:
        case "declined":
            return [events.PaymentDeclined(**facts(payment), decline_code=payment.decline_code or "card_declined")]
        case "requires_action":
            return [events.PaymentActionRequired(**facts(payment))]
        case "captured":
            captured = events.PaymentCaptured(**facts(payment), captured=payment.captured)
            return [events.PaymentAuthorized(**facts(payment)), captured] if confirmed else [captured]
        case "voided":
            return [events.PaymentVoided(**facts(payment))]
        case _:
            return [events.PaymentAuthorized(**facts(payment))]
