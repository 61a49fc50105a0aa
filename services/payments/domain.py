"""What a payment may become. The statuses are the public ones; `processing` is ours, while the outcome is not known."""

from dataclasses import dataclass
from typing import Final

from services.chassis.errors import InvalidState, ValidationFailed

PROCESSING: Final = "processing"
OPEN: Final = ("authorized", "requires_action")
TAKEN: Final = ("captured", "partially_refunded")
FINAL: Final = ("declined", "voided", "refunded")


@dataclass(frozen=True)
class Payment:
    """One attempt to pay one order. Amounts in minor units."""

    id: str
    order_id: str
    customer_id: str | None
    provider: str
    status: str
    amount: int
    currency: str
    captured: int = 0
    refunded: int = 0
    token: str | None = None
    email: str | None = None
    reference: str | None = None
    """What the provider calls it."""
    decline_code: str | None = None
    client_secret: str | None = None

    @property
    def refundable(self) -> int:
        return self.captured - self.refunded


def amount_to_capture(payment: Payment, wanted: int | None) -> int:
    """How much to take. Raises `InvalidState` for a payment that promises nothing (any more)."""
    if payment.status != "authorized":
        raise InvalidState(f"A payment that is {payment.status} can't be captured", [{"status": payment.status}])
    amount = payment.amount if wanted is None else wanted
    if not 0 < amount <= payment.amount and not amount == payment.amount == 0:
        raise ValidationFailed.of("amount", f"must be between 1 and {payment.amount}")
    return amount


def amount_to_refund(payment: Payment, wanted: int | None) -> int:
    """How much to give back: all that is left, or a part of it."""
    if payment.status not in TAKEN:
        raise InvalidState(f"A payment that is {payment.status} can't be refunded", [{"status": payment.status}])
    amount = payment.refundable if wanted is None else wanted
    if not 0 < amount <= payment.refundable:
        raise ValidationFailed.of("amount", f"must be between 1 and {payment.refundable}, what is left of it")
    return amount


def status_after_refund(captured: int, refunded: int) -> str:
    return "refunded" if refunded >= captured else "partially_refunded"


def check_currency(payment: Payment, currency: str | None) -> None:
    """Raises `ValidationFailed` when an amount is said in another currency than the payment's."""
    if currency is not None and currency != payment.currency:
        raise ValidationFailed.of("amount.currency", f"must be {payment.currency}")
