"""Payments: the best outcome of each payment and its contribution to the counters."""

from datetime import datetime
from typing import Any, Final

from services.analytics.domain import counters
from services.analytics.domain.counters import CounterChanges
from services.analytics.domain.facts import Fact

Payment = dict[str, Any]
OUTCOMES: Final = {
    "payment_authorized": "paid",
    "payment_captured": "paid",
    "payment_declined": "declined",
    "payment_action_required": "open",
}
_RANK: Final = {"paid": 2, "declined": 1, "open": 0}


def apply_fact(payment: Payment, fact: Fact) -> None:
    """Merge a fact into the payment. The best outcome wins: paid, then declined, then open."""
    outcome = OUTCOMES[fact.name]
    first: datetime = min(payment.get("at", fact.at), fact.at)
    best = payment.get("best")
    outcome_rank = [_RANK[outcome], outcome, fact.data["code"] or ""]
    payment.update(
        at=first,
        best=max(best, outcome_rank) if best else outcome_rank,
        provider=fact.data["provider"],
        currency=fact.data["currency"],
        amount=fact.data["amount"],
    )


def count(payment: Payment, changes: CounterChanges, sign: int) -> None:
    """Add the payment to the counters (sign 1) or subtract it (sign -1)."""
    if payment:
        _, outcome, code = payment["best"]
        fields = [("n", sign), ("a", sign * payment["amount"])]
        key = f"{payment['provider']}|{outcome}|{code}"
        changes.add(counters.PAYMENT, key, payment["at"], fields, currency=payment["currency"])
