"""The claim on a payment: one process at a time works on it, without a transaction open meanwhile."""

from dataclasses import dataclass

from services.chassis.common.errors import ServiceUnavailable
from services.payments.domain import Attempt, Payment


class ClaimLost(ServiceUnavailable):
    """Another process has taken over after the claim had expired: it finishes what was begun. Retry."""

    default_message = "The payment is being worked on elsewhere"


@dataclass
class Claimed:
    """A payment that this process works on, as last recorded, and the attempt that is pending."""

    token: str
    payment: Payment
    attempt: Attempt | None = None
    expires: float = 0.0
    """On the monotonic clock."""
    released: bool = False
