"""Events of orders. `sequence` is the order's version after the event."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.events.base import Event, LineItem

Postal = dict[str, Any]
"""An address, in the form of `schemas.base.Address`."""


class OrderLine(LineItem):
    """An order line with its tax, at the price and rate when ordered (minor units; basis points)."""

    tax_rate_bp: int = 0
    tax: int = 0
    vendor_id: str | None = None
    category: str | None = None


class LineQuantity(BaseModel):
    """Units of one line of an order."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sku: str
    quantity: int


class Totals(BaseModel):
    """The order's totals in minor units. `total = subtotal - discount + shipping + tax`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int


class OrderPlaced(Event, source="orders", subject="order_id", version=1):
    """A customer has placed an order; no stock is reserved and nothing is paid yet."""

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
    supersedes: str | None = None
    """The unpaid order of the same cart that this one replaces; it is closed before stock is reserved for this one."""


class OrderStockReserved(Event, source="orders", subject="order_id", version=1):
    """Stock for every line is reserved until `expires_at`."""

    order_id: str
    expires_at: datetime


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


class OrderStockCommitted(Event, source="orders", subject="order_id", version=1):
    """The reserved stock was sold to this order; the reservation does not expire any more."""

    order_id: str


class OrderPaymentCaptured(Event, source="orders", subject="order_id", version=1):
    """The payment was captured."""

    order_id: str
    payment_id: str
    amount: int
    currency: str


class OrderConfirmed(Event, source="orders", subject="order_id", version=1):
    """The order is paid and its stock is sold: it can be fulfilled."""

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
    """A checkout step failed permanently; completed steps are being compensated. `code` is the public error code."""

    order_id: str
    code: str
    reason: str
    details: list[dict[str, Any]] = Field(default_factory=list)
    unsure: bool = False
    """An earlier attempt of the step has an unknown outcome and may still be executed."""


class OrderCancellationRequested(Event, source="orders", subject="order_id", version=1):
    """The customer or an administrator has requested cancellation."""

    order_id: str
    requested_by: str
    reason: str | None = None


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


class OrderShipmentRequested(Event, source="orders", subject="order_id", version=1):
    """A shipment was requested: its units can be neither cancelled nor shipped again."""

    order_id: str
    shipment_id: str
    items: list[LineQuantity]
    requested_by: str
    method: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    vendor_id: str | None = None


class OrderShipmentCreated(Event, source="orders", subject="order_id", version=1):
    """A requested shipment was created, with its carrier and tracking number."""

    order_id: str
    shipment_id: str
    carrier: str
    tracking_number: str
    items: list[LineQuantity]
    number: str
    email: str
    user_id: str | None


class OrderShipmentRejected(Event, source="orders", subject="order_id", version=1):
    """A requested shipment was refused; its units are to be shipped again."""

    order_id: str
    shipment_id: str
    code: str
    reason: str


class OrderShipmentMoved(Event, source="orders", subject="order_id", version=1):
    """A shipment of the order was delivered, returned or lost."""

    order_id: str
    shipment_id: str
    status: str


class OrderSuspended(Event, source="orders", subject="order_id", version=1):
    """A compensation was refused for good: a person must decide (`ultramarket orders resume` or `end`)."""

    order_id: str
    step: str
    code: str
    reason: str
    details: list[dict[str, Any]] = Field(default_factory=list)


class OrderResumed(Event, source="orders", subject="order_id", version=1):
    """A suspended order tries its refused step again."""

    order_id: str
    requested_by: str
    reason: str


class OrderStepSettled(Event, source="orders", subject="order_id", version=1):
    """A person has settled the refused step outside of the system; the order continues after it."""

    order_id: str
    step: str
    requested_by: str
    reason: str


class OrderPaymentDisputed(Event, source="orders", subject="order_id", version=1):
    """The cardholder disputes the payment: `outcome` is `opened`, `won` or `lost`."""

    order_id: str
    payment_id: str
    dispute_id: str
    outcome: str
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


class OrderStockReleased(Event, source="orders", subject="order_id", version=1):
    """The reserved or sold units were returned to stock."""

    order_id: str


class OrderFailed(Event, source="orders", subject="order_id", version=1):
    """The order failed: no stock is reserved and nothing is charged."""

    order_id: str
    number: str
    user_id: str | None
    email: str
    code: str
    reason: str
    total: int
    currency: str


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


class OrderProcessing(Event, source="orders", subject="order_id", version=1):
    """The order is being packed."""

    order_id: str
    note: str | None = None


class OrderShipped(Event, source="orders", subject="order_id", version=1):
    """The order was shipped."""

    order_id: str
    number: str
    email: str
    user_id: str | None
    shipment_id: str
    carrier: str
    tracking_number: str


class OrderDelivered(Event, source="orders", subject="order_id", version=1):
    """The order was delivered."""

    order_id: str
    number: str
    email: str
    user_id: str | None
    items: list[OrderLine]


class OrderReturned(Event, source="orders", subject="order_id", version=1):
    """The order was returned."""

    order_id: str
    note: str | None = None
