"""Events of the cancellation of an order, or of lines of it."""

from schemas.events.base import Event
from schemas.events.orders.lines import LineQuantity, OrderLine


class OrderCancellationRequested(Event, source="orders", subject="order_id", version=1):
    """The customer or an administrator has requested cancellation."""

    order_id: str
    requested_by: str
    reason: str | None = None


class OrderCancelled(Event, source="orders", subject="order_id", version=1):
    """The order was cancelled, before or after it was confirmed."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    reason: str | None
    refunded: int
    total: int
    currency: str
    items: list[OrderLine]


class OrderLinesCancellationRequested(Event, source="orders", subject="order_id", version=1):
    """Cancellation of lines that have not been shipped was requested; `amount` is to be refunded for them, with their
    share of tax and shipping. `vendor_id` when a vendor cancels own lines.
    """

    order_id: str
    cancellation_id: str
    requested_by: str
    reason: str | None = None
    lines: list[LineQuantity]
    amount: int
    currency: str
    vendor_id: str | None = None


class OrderLinesRefunded(Event, source="orders", subject="order_id", version=1):
    """Cancelled lines were refunded; `order_payment_refunded` has the payment's total."""

    order_id: str
    cancellation_id: str
    amount: int
    currency: str


class OrderLinesCancelled(Event, source="orders", subject="order_id", version=1):
    """Lines were cancelled: refunded, and their units returned to stock. The rest of the order continues."""

    order_id: str
    cancellation_id: str
    number: str
    user_id: str | None
    email: str
    reason: str | None = None
    lines: list[LineQuantity]
    amount: int
    currency: str
