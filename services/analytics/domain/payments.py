"""A payment and a stock level as the figures see them."""

from datetime import datetime
from typing import Any, Final

from services.analytics.domain import counters
from services.analytics.domain.counters import Counters
from services.analytics.domain.facts import Fact

Payment = dict[str, Any]
OUTCOMES: Final = {
    "payment_authorized": "paid",
    "payment_captured": "paid",
    "payment_declined": "declined",
    "payment_action_required": "open",
}
_RANK: Final = {"paid": 2, "declined": 1, "open": 0}


def learn(payment: Payment, fact: Fact) -> None:
    """Add a fact: a payment that was made counts as paid, whatever was tried before."""
    outcome = OUTCOMES[fact.name]
    first: datetime = min(payment.get("at", fact.at), fact.at)
    best = payment.get("best")
    news = [_RANK[outcome], outcome, fact.said["code"] or ""]
    payment.update(
        at=first,
        best=max(best, news) if best else news,
        provider=fact.said["provider"],
        currency=fact.said["currency"],
        amount=fact.said["amount"],
    )


def count(payment: Payment, book: Counters, sign: int) -> None:
    """Add the payment to the counters (sign 1), or take it out again (-1)."""
    if payment:
        _, outcome, code = payment["best"]
        fields = [("n", sign), ("a", sign * payment["amount"])]
        key = f"{payment['provider']}|{outcome}|{code}"
        book.add(counters.PAYMENT, key, payment["at"], fields, currency=payment["currency"])
