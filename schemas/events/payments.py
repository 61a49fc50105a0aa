"""Events of payments. Amounts in minor units of `currency`."""

from datetime import datetime
from typing import Literal

from schemas.events.base import Event


class PaymentAuthorized(Event, source="payments", subject="payment_id", version=1):
    """The payment was authorised."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentActionRequired(Event, source="payments", subject="payment_id", version=1):
    """The customer must confirm the payment with their bank."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentDeclined(Event, source="payments", subject="payment_id", version=1):
    """The provider declined the payment."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    decline_code: str
    customer_id: str | None = None


class PaymentCaptured(Event, source="payments", subject="payment_id", version=1):
    """The payment was captured; `captured` is the captured amount."""

    payment_id: str
    order_id: str
    amount: int
    captured: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentVoided(Event, source="payments", subject="payment_id", version=1):
    """The authorisation was voided; nothing was captured."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentRefunded(Event, source="payments", subject="payment_id", version=1):
    """An amount was refunded: `refund` now, `refunded` in total."""

    payment_id: str
    order_id: str
    refund_id: str
    refund: int
    refunded: int
    amount: int
    currency: str
    provider: str
    reason: str | None = None
    customer_id: str | None = None


class PaymentRefundFailed(Event, source="payments", subject="payment_id", version=1):
    """A refund that had been made came back: `refund` is with the shop again, `refunded` is left of all refunds."""

    payment_id: str
    order_id: str
    refund_id: str
    refund: int
    refunded: int
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentDisputeOpened(Event, source="payments", subject="payment_id", version=1):
    """The customer's bank disputes `amount` of the payment: evidence is due, or the money is lost."""

    payment_id: str
    order_id: str
    dispute_id: str
    amount: int
    currency: str
    reason: str
    provider: str
    evidence_due_at: datetime | None = None
    customer_id: str | None = None


class PaymentDisputeEvidenceDue(Event, source="payments", subject="payment_id", version=1):
    """The shop's evidence in an open dispute is due soon: without it the dispute is lost. Once per dispute."""

    payment_id: str
    order_id: str
    dispute_id: str
    amount: int
    currency: str
    reason: str
    provider: str
    evidence_due_at: datetime
    customer_id: str | None = None


class PaymentDisputeClosed(Event, source="payments", subject="payment_id", version=1):
    """A dispute has ended: `won` by the shop, which keeps the payment, or `lost`."""

    payment_id: str
    order_id: str
    dispute_id: str
    amount: int
    currency: str
    outcome: Literal["won", "lost"]
    reason: str
    provider: str
    customer_id: str | None = None
