"""What happens to a payment. Amounts in minor units of `currency`."""

from schemas.events.base import Event


class PaymentAuthorized(Event, source="payments", subject="payment_id", version=1):
    """The money is promised."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentActionRequired(Event, source="payments", subject="payment_id", version=1):
    """The customer has to confirm with their bank."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentDeclined(Event, source="payments", subject="payment_id", version=1):
    """The provider said no."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    decline_code: str
    customer_id: str | None = None


class PaymentCaptured(Event, source="payments", subject="payment_id", version=1):
    """The money is taken: `captured` of it so far."""

    payment_id: str
    order_id: str
    amount: int
    captured: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentVoided(Event, source="payments", subject="payment_id", version=1):
    """The promise is given up; nothing was taken."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    provider: str
    customer_id: str | None = None


class PaymentRefunded(Event, source="payments", subject="payment_id", version=1):
    """Money went back: this `refund` of it, `refunded` in all."""

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
