"""Events of payments. Amounts in minor units of `currency`."""

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
