"""What happens to an order, from the moment that it is placed. `sequence` is the order's version after the event."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.events.base import Event, LineItem

Postal = dict[str, Any]
"""An address as `schemas.base.Address` writes it."""


class OrderLine(LineItem):
    """A line with its tax, at the price and rate of the moment (minor units; basis points)."""

    tax_rate_bp: int = 0
    tax: int = 0
    vendor_id: str | None = None
    category: str | None = None


class Totals(BaseModel):
    """What the order costs, minor units. `total = subtotal - discount + shipping + tax`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int


class OrderPlaced(Event, source="orders", subject="order_id", version=1):
    """A customer has ordered; nothing is held or paid yet."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    currency: str
    items: list[OrderLine]
    totals: Totals
    shipping_address: Postal
    billing_address: Postal
    shipping_method: str
    payment_id: str
    payment_provider: str
    cart_id: str
    cart_version: int
    note: str | None = None


class OrderStockReserved(Event, source="orders", subject="order_id", version=1):
    """Every line is held in stock until `expires_at`."""

    order_id: str
    expires_at: datetime


class OrderPaymentAuthorized(Event, source="orders", subject="order_id", version=1):
    """The money is promised (or already taken, where the provider captures at once)."""

    order_id: str
    payment_id: str
    status: str
    amount: int
    currency: str


class OrderPaymentActionRequired(Event, source="orders", subject="order_id", version=1):
    """The customer has to confirm the payment with their bank; the order waits."""

    order_id: str
    payment_id: str


class OrderStockCommitted(Event, source="orders", subject="order_id", version=1):
    """The held units have left the stock for this order; no time-out gives them back any more."""

    order_id: str


class OrderPaymentCaptured(Event, source="orders", subject="order_id", version=1):
    """The money is taken."""

    order_id: str
    payment_id: str
    amount: int
    currency: str


class OrderConfirmed(Event, source="orders", subject="order_id", version=1):
    """Paid, and the goods are ours to send: the shop owes the customer this order."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    currency: str
    items: list[OrderLine]
    totals: Totals
    shipping_address: Postal
    shipping_method: str
    payment_id: str
    cart_id: str
    cart_version: int


class OrderRejected(Event, source="orders", subject="order_id", version=1):
    """A step failed for good; what was done so far is being undone. `code` is the public error code."""

    order_id: str
    code: str
    reason: str
    details: list[dict[str, Any]] = Field(default_factory=list)
    unsure: bool = False
    """The step had been tried before, and nobody knows whether that try is still under way."""


class OrderCancellationRequested(Event, source="orders", subject="order_id", version=1):
    """The customer or an administrator wants it undone."""

    order_id: str
    requested_by: str
    reason: str | None = None


class OrderPaymentReversed(Event, source="orders", subject="order_id", version=1):
    """The promise was given up or the money given back: `status` of the payment, and how much was refunded."""

    order_id: str
    payment_id: str
    status: str
    refunded: int
    currency: str


class OrderPaymentRefunded(Event, source="orders", subject="order_id", version=1):
    """An administrator gave money back, a part or all of it; the order itself goes on. `refunded` is the sum so far."""

    order_id: str
    payment_id: str
    status: str
    refunded: int
    currency: str


class OrderStockReleased(Event, source="orders", subject="order_id", version=1):
    """The units are back in stock."""

    order_id: str


class OrderFailed(Event, source="orders", subject="order_id", version=1):
    """It came to nothing, and nothing is left held or charged."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    code: str
    reason: str
    total: int
    currency: str


class OrderCancelled(Event, source="orders", subject="order_id", version=1):
    """It was undone after it had been confirmed (or on its way there)."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    reason: str | None
    refunded: int
    total: int
    currency: str
    items: list[OrderLine]


class OrderProcessing(Event, source="orders", subject="order_id", version=1):
    """Somebody is packing it."""

    order_id: str
    note: str | None = None


class OrderShipped(Event, source="orders", subject="order_id", version=1):
    """It is on its way."""

    order_id: str
    number: str
    email: str
    user_id: str | None
    shipment_id: str
    carrier: str
    tracking_number: str


class OrderDelivered(Event, source="orders", subject="order_id", version=1):
    """It has arrived."""

    order_id: str
    number: str
    email: str
    user_id: str | None
    items: list[OrderLine]


class OrderReturned(Event, source="orders", subject="order_id", version=1):
    """It came back."""

    order_id: str
    note: str | None = None
