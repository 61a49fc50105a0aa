"""Orders: requests, commands and resources."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.api.payments import PaymentMethodRequest, PaymentStatus
from schemas.api.shipping import MethodCode, ShipmentRequest, ShipmentStatus, TrackingNumber
from schemas.base import (
    Address,
    Cursor,
    Email,
    Id,
    Idempotency,
    Moment,
    Money,
    OneLine,
    Price,
    Quantity,
    Request,
    Schema,
    ShortText,
    Sku,
)
from schemas.caller import Caller
from schemas.codes import GivenCountry
from schemas.names import RecipientName

OrderStatus = Literal[
    "pending",
    "awaiting_payment",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "failed",
    "cancelled",
    "returned",
]


class PostalAddress(Address, Request):
    """A shipping or billing address."""

    name: RecipientName
    country: GivenCountry


class OrderRequest(Request):
    """Buy the caller's cart. A guest must give `email`; a customer's defaults to the account's."""

    email: Email | None = None
    shipping_address: PostalAddress
    billing_address: PostalAddress | None = None
    """The shipping address if left out."""
    shipping_method: MethodCode
    payment_method: PaymentMethodRequest
    expected_total: Price | None = None
    """The total that the customer was shown. If it has changed: 409 `PRICE_CHANGED`, and no order is placed."""
    note: ShortText | None = None


class PlaceOrder(OrderRequest):
    """Place an order for the caller's cart."""

    cart_id: str | None = None
    """The cart of a guest; a customer's cart is found by the user id."""
    caller: Caller = Caller()
    idempotency: Idempotency | None = None


class OrderLineQuantity(Request):
    """Units of a SKU of an order."""

    sku: Sku
    quantity: Quantity


class CreateOrderShipment(ShipmentRequest):
    """Ship the caller's lines of an order."""

    caller: Caller
    idempotency: Idempotency | None = None


class CancelRequest(Request):
    """Cancel what has not been shipped: its price is refunded, its stock released. A vendor cancels own lines only."""

    reason: ShortText | None = None
    lines: Annotated[list[OrderLineQuantity], Field(min_length=1, max_length=200)] | None = None
    """Only these; all that the caller may cancel if left out."""


class CancelOrder(CancelRequest):
    """Cancel an order."""

    order_id: str
    caller: Caller
    idempotency: Idempotency | None = None


class StatusRequest(Request):
    """A step of the fulfilment."""

    status: Literal["processing", "shipped", "delivered", "returned"]
    carrier: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine] | None = (
        None
    )
    tracking_number: TrackingNumber | None = None
    note: ShortText | None = None


class SetStatus(StatusRequest):
    """Advance the fulfilment of an order."""

    order_id: str
    caller: Caller


class OrderQuery(Schema):
    """Filters of the order list; customers see their own orders."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: Cursor | None = None
    sort: Literal["created_at", "-created_at", "total", "-total"] = "-created_at"
    status: OrderStatus | None = None
    email: Email | None = None
    user_id: Id | None = None
    """Administrators only."""


class OrderItem(Schema):
    """A line of an order at the price when ordered."""

    sku: str
    product_id: str
    title: str
    quantity: int
    unit_price: Money
    line_total: Money
    shipped: int = 0
    """Units in shipments, also in those that are not created yet."""
    cancelled: int = 0
    """Units that were cancelled."""


class OrderShipment(Schema):
    """A shipment of an order; `status` is `requested` until it has a tracking number."""

    id: str
    status: Literal["requested"] | ShipmentStatus
    carrier: str | None = None
    tracking_number: str | None = None
    items: list[OrderLineQuantity]


class OrderPayment(Schema):
    """The payment of an order."""

    id: str
    provider: str
    status: PaymentStatus
    amount: Money
    refunded: Money


class TimelineEntry(Schema):
    """A status of an order with its time, and the reason of a failure or cancellation."""

    status: OrderStatus
    at: Moment
    reason: str | None = None


class Order(Schema):
    """An order in full. A vendor who sells in it sees own lines, and totals of them without shipping."""

    id: str
    number: Annotated[str, Field(examples=["UM-2026-000042"])]
    status: OrderStatus
    email: str | None
    """Null for vendors, as are `billing_address` and `payment`."""
    items: list[OrderItem]
    subtotal: Money
    discount_total: Money
    shipping_total: Money
    tax_total: Money
    total: Money
    currency: str
    shipping_address: Address
    billing_address: Address | None
    shipping_method: str
    payment: OrderPayment | None = None
    """Null until a payment was attempted."""
    timeline: list[TimelineEntry]
    note: str | None = None
    shipments: list[OrderShipment] = Field(default_factory=list)
    tracking_number: str | None = None
    """Of the last shipment, as is `carrier`."""
    carrier: str | None = None
    access_key: str | None = None
    """In the reply to a guest's order only: the key for reading the order, sent as header `X-Order-Key`."""
    created_at: Moment
    updated_at: Moment | None = None
    version: int | None = None


class OrderSummary(Schema):
    """An order in a list."""

    id: str
    number: str
    status: OrderStatus
    email: str
    item_count: int
    total: Money
    created_at: Moment
    updated_at: Moment | None = None


class OrderHistoryEntry(Schema):
    """A recorded event of an order."""

    id: str | None = None
    sequence: int
    type: Annotated[str, Field(examples=["order_confirmed"])]
    at: Moment
    data: dict[str, Any] = Field(default_factory=dict)
