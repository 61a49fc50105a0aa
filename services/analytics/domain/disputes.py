"""Disputes: opened, won, lost, and their contribution to the counters, each at its own time."""

from typing import Any, Final

from services.analytics.domain import counters
from services.analytics.domain.counters import CounterChanges
from services.analytics.domain.facts import Fact

Dispute = dict[str, Any]
OUTCOMES: Final = ("opened", "won", "lost")


def apply_fact(dispute: Dispute, fact: Fact) -> None:
    """Merge a fact into the dispute. The earliest of each outcome wins; duplicates change nothing."""
    outcome = fact.data["outcome"]
    if outcome in OUTCOMES and (outcome not in dispute or fact.at < dispute[outcome]["at"]):
        dispute[outcome] = {"at": fact.at, "amount": fact.data["amount"], "currency": fact.data["currency"]}


def count(dispute: Dispute, changes: CounterChanges, sign: int) -> None:
    """Add the dispute to the counters (sign 1) or subtract it (sign -1)."""
    for outcome in OUTCOMES:
        if each := dispute.get(outcome):
            fields = [("n", sign), ("a", sign * each["amount"])]
            changes.add(counters.DISPUTE, outcome, each["at"], fields, currency=each["currency"])
