"""Stripe's objects in our terms: intents, refunds, disputes, events."""

from datetime import UTC, datetime
from typing import Any, Final

import stripe

from services.payments.providers.interface import ChargeResult, DisputeState, ProviderFee, RefundState
from services.payments.providers.stripe_amounts import from_stripe

STATUSES = {
    "requires_capture": "authorized",
    "succeeded": "captured",
    "requires_action": "requires_action",
    "processing": "requires_action",
}
"""Payment status by PaymentIntent status; any other is a decline."""

STATUS_BY_EVENT = {
    "payment_intent.amount_capturable_updated": "authorized",
    "payment_intent.succeeded": "captured",
    "payment_intent.payment_failed": "declined",
    "payment_intent.canceled": "declined",
}
KIND_BY_EVENT: Final = {
    **dict.fromkeys(STATUS_BY_EVENT, "status"),
    **dict.fromkeys(("charge.refunded", "refund.created", "refund.updated", "refund.failed"), "refund"),
    **dict.fromkeys((f"charge.dispute.{what}" for what in ("created", "updated", "closed")), "dispute"),
    **dict.fromkeys((f"charge.dispute.funds_{what}" for what in ("withdrawn", "reinstated")), "dispute"),
}
DISPUTE_STATUSES: Final = {
    **{status: status for status in ("needs_response", "under_review", "won", "lost")},
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "won",
    "prevented": "won",
}
"""Our status of a dispute by Stripe's; a warning is an inquiry, which withdraws nothing."""
REFUND_FAILED: Final = ("failed", "canceled")


def refund_state(refund: Any, currency: str) -> RefundState:
    """A refund in our terms; one that is on its way counts as succeeded."""
    status = "failed" if refund.status in REFUND_FAILED else "succeeded"
    return RefundState(refund.id, from_stripe(refund.amount, currency), status, metadata_of(refund, "refund_id"))


def dispute_state(dispute: Any, currency: str) -> DisputeState:
    """A dispute in our terms. Funds and fees are those that Stripe's balance shows, in the currency of the charge.

    A balance in another currency shows converted amounts: then the disputed amount is what is withdrawn, and the fee
    is left to the settlement.
    """
    movements = list(dispute.balance_transactions or ())
    withdrawn = -sum(movement.amount for movement in movements)
    fee = sum(movement.fee for movement in movements)
    if any(movement.currency.upper() != currency for movement in movements):
        withdrawn, fee = (dispute.amount if withdrawn > 0 else 0), 0
    due_by = getattr(dispute.evidence_details, "due_by", None)
    status = DISPUTE_STATUSES.get(dispute.status, "needs_response")
    return DisputeState(
        dispute.id,
        from_stripe(dispute.amount, currency),
        dispute.reason,
        status,
        status != "won" and not dispute.is_charge_refundable,
        from_stripe(withdrawn, currency),
        from_stripe(fee, currency),
        datetime.fromtimestamp(due_by, UTC) if due_by else None,
    )


def fees_of(thing: Any) -> tuple[ProviderFee, ...]:
    """The fee in the balance transaction of a charge or refund; none where it is not known (yet), or 0."""
    movement = getattr(thing, "balance_transaction", None)
    if movement is None or isinstance(movement, str) or not movement.fee:
        return ()
    currency = movement.currency.upper()
    return (ProviderFee(movement.id, from_stripe(movement.fee, currency), currency),)


def charge_result(intent: stripe.PaymentIntent) -> ChargeResult:
    """The outcome of an intent."""
    status = STATUSES.get(intent.status, "declined")
    secret = intent.client_secret if status == "requires_action" else None
    return ChargeResult(status, intent.id, _decline_code(intent) if status == "declined" else None, secret)


def _decline_code(intent: stripe.PaymentIntent) -> str:
    error: Any = getattr(intent, "last_payment_error", None)
    code = getattr(error, "decline_code", None) or getattr(error, "code", None)
    return str(code or intent.status)


def metadata_of(thing: Any, name: str) -> str | None:
    """A value of the metadata that this service wrote to an object."""
    metadata = thing.metadata
    return getattr(metadata, name, None) if metadata is not None else None
