"""What a payment may become. The statuses are the public ones; `processing` is ours, while the outcome is not known."""

import uuid
from dataclasses import dataclass
from typing import Final

from schemas.base import Idempotency
from services.chassis.common.errors import IdempotencyKeyReused, InvalidState, NotFound, ValidationFailed

PROCESSING: Final = "processing"
OPEN: Final = ("authorized", "requires_action")
TAKEN: Final = ("captured", "partially_refunded")


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


@dataclass(frozen=True)
class Refund:
    """Money on its way back: `pending` from before the provider is asked, then `succeeded` or `failed`."""

    id: str
    payment_id: str
    amount: int
    reason: str | None
    status: str


def amount_to_capture(payment: Payment, wanted: int | None) -> int:
    """How much to take: all, or a part; of an order that costs nothing, nothing.

    Raises `InvalidState` for a payment that promises nothing (any more).
    """
    if payment.status != "authorized":
        raise InvalidState(f"A payment that is {payment.status} can't be captured", [{"status": payment.status}])
    amount = payment.amount if wanted is None else wanted
    if not min(1, payment.amount) <= amount <= payment.amount:
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


def check_owner(payment: Payment, user_id: str | None, is_admin: bool) -> None:
    """Raises `NotFound` unless it is the caller's own payment."""
    if not is_admin and (user_id is None or payment.customer_id != user_id):
        raise NotFound("There is no such payment")


def check_same_payment(known: Payment, asked: Payment) -> None:
    """Raises `IdempotencyKeyReused` when a payment's id comes with another order, sum or provider than before."""
    if (known.order_id, known.amount, known.currency, known.provider) != (
        asked.order_id,
        asked.amount,
        asked.currency,
        asked.provider,
    ):
        raise IdempotencyKeyReused("This payment was asked for with other values")


def check_same_refund(known: Refund, payment_id: str, amount: int | None) -> None:
    """Raises `IdempotencyKeyReused` when a refund's id comes with another payment or amount than before."""
    if known.payment_id != payment_id or amount not in (None, known.amount):
        raise IdempotencyKeyReused("This refund was asked for with other values")


def refund_id_of(key: Idempotency | None, refund_id: str | None) -> str:
    """The refund's id: the caller's own, or one that its idempotency key stands for."""
    if refund_id is not None:
        return refund_id
    if key is None:
        raise ValidationFailed.of("refund_id", "is needed when there is no Idempotency-Key")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{key.owner}:{key.key}"))


def reversal_id(payment: Payment) -> str:
    """The id of the refund that gives back what is left; the same for every try at it."""
    return str(uuid.uuid5(uuid.UUID(payment.id), f"reversal:{payment.refunded}"))
