"""Disputes: a customer's bank takes a payment back, until the shop has proved that it was right, or for good."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

CLOSED_STATUSES: Final = ("won", "lost")
EVIDENCE_STATUSES: Final = ("inquiry", "needs_response")
"""The shop's evidence is awaited."""
REMIND_BEFORE: Final = timedelta(days=3)
"""How long before evidence is due the shop is reminded."""


@dataclass(frozen=True)
class Dispute:
    """A dispute of a payment, amounts in minor units of the payment's currency."""

    id: str
    payment_id: str
    reference: str
    """The provider's id."""
    amount: int
    reason: str
    status: str
    """`inquiry` (nothing is withdrawn yet), `needs_response`, `under_review`, `won`, `lost`."""
    blocks_refunds: bool
    withdrawn: int = 0
    """What the provider has withdrawn and not given back."""
    fee: int = 0
    movements: int = 0
    """How often funds or fees moved: the number of entries in the ledger."""
    evidence_due_at: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        return self.status in CLOSED_STATUSES


def dispute_id(payment_id: str, reference: str) -> str:
    """The id of a dispute: the same whenever it is found."""
    return str(uuid.uuid5(uuid.UUID(payment_id), f"dispute:{reference}"))
