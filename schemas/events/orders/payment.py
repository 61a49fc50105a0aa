"""Events of an order's payment."""

from schemas.events.base import Event


class OrderPaymentAuthorized(Event, source="orders", subject="order_id", version=1):
    """The payment was authorised (or captured, where the provider captures at once)."""

    order_id: str
    payment_id: str
    status: str
    amount: int
    currency: str


class OrderPaymentActionRequired(Event, source="orders", subject="order_id", version=1):
    """The customer must confirm the payment with their bank; the order waits for it."""

    order_id: str
    payment_id: str


class OrderPaymentCaptured(Event, source="orders", subject="order_id", version=1):
    """The payment was captured."""

    order_id: str
    payment_id: str
    amount: int
    currency: str


class OrderPaymentReversed(Event, source="orders", subject="order_id", version=1):
    """The payment was voided or refunded: `status` of the payment, and the refunded amount."""

    order_id: str
    payment_id: str
    status: str
    refunded: int
    currency: str


class OrderPaymentRefunded(Event, source="orders", subject="order_id", version=1):
    """An administrator refunded the order, in part or in full; its status stays. `refunded` is the total so far."""

    order_id: str
    payment_id: str
    status: str
    refunded: int
    currency: str


class OrderPaymentDisputed(Event, source="orders", subject="order_id", version=1):
    """The cardholder disputes the payment: `outcome` is `opened`, `won` or `lost`."""

    order_id: str
    payment_id: str
    dispute_id: str
    outcome: str
    amount: int
    currency: str
