"""Shipping: methods, rates, shipments and tracking."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.api.cart import CartId
from schemas.base import (
    ANONYMOUS,
    MAX_AMOUNT,
    Address,
    Caller,
    Currency,
    Id,
    Idempotency,
    Moment,
    Money,
    OneLine,
    Quantity,
    Request,
    Schema,
    ShortText,
    Sku,
)
from schemas.codes import GivenCountry

MethodCode = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_\-]*$"), Field(examples=["standard"])
]
TrackingNumber = Annotated[str, StringConstraints(min_length=4, max_length=60, pattern=r"^[A-Za-z0-9\-]+$")]
ShipmentStatus = Literal["created", "in_transit", "out_for_delivery", "delivered", "returned", "lost"]

Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Grams = Annotated[int, Field(ge=0, le=10**9)]


class Destination(Request):
    """As much of an address as a price needs."""

    country: GivenCountry
    region: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), OneLine] | None = None
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20), OneLine] | None = None


class RatesRequest(Request):
    """What it would cost to send a cart there: `cart_id`'s, or the caller's own."""

    address: Destination
    cart_id: CartId | None = None


class Quote(Request):
    """Prices of every method that goes there, for goods of this value (minor units) and weight."""

    address: Destination
    subtotal: Amount
    weight_g: Grams
    currency: Currency


class QuoteCart(RatesRequest):
    """Prices of every method for the cart named by `cart_id`, else for the caller's own cart."""

    own_cart_id: CartId | None = None
    """A guest's own cart, by the header `X-Cart-Id`."""
    caller: Caller = ANONYMOUS


class PriceOf(Quote):
    """The price of one method."""

    method: MethodCode


class Rate(Schema):
    """One way to send it, with its price."""

    method: Annotated[str, Field(examples=["standard"])]
    name: Annotated[str, Field(examples=["Standard delivery"])]
    carrier: Annotated[str, Field(examples=["UltraPost"])]
    price: Money
    days_min: int
    days_max: int


class ShippingMethod(Schema):
    """One way to send things, and where to."""

    method: str
    name: str
    carrier: str
    countries: list[str]
    """ISO 3166-1 alpha-2; empty: everywhere that no other zone covers."""
    days_min: int
    days_max: int


class ShipmentLine(Request):
    """So many units of a SKU in a parcel."""

    sku: Sku
    quantity: Quantity


class ShipmentRequest(Request):
    """A parcel that leaves the house. Without lines: the whole order."""

    order_id: Id
    method: MethodCode | None = None
    carrier: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine] | None = (
        None
    )
    tracking_number: TrackingNumber | None = None
    items: list[ShipmentLine] = Field(default_factory=list, max_length=200)


class CreateShipment(ShipmentRequest):
    """Create a shipment (services only). One tracking number of an order makes one shipment, however often sent."""

    address: Address | None = None
    user_id: str | None = None
    """Whose order it is: they may read the shipment."""
    vendor_id: str | None = None
    idempotency: Idempotency | None = None


class ShipmentEventRequest(Request):
    """What happened to a parcel on its way."""

    status: ShipmentStatus
    location: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] | None = None
    message: ShortText | None = None


class AddShipmentEvent(ShipmentEventRequest):
    """Record a tracking event of a shipment."""

    shipment_id: str
    caller: Caller


class ShipmentEvent(Schema):
    """A station of a parcel's way."""

    status: ShipmentStatus
    location: str | None = None
    message: str | None = None
    at: Moment


class Tracking(Schema):
    """Where a parcel is: what anybody who has its number may know."""

    tracking_number: str
    carrier: str
    status: ShipmentStatus
    events: list[ShipmentEvent]
    updated_at: Moment


class Shipment(Schema):
    """A parcel of an order."""

    id: str
    order_id: str
    method: str | None = None
    carrier: str
    tracking_number: str
    status: ShipmentStatus
    items: list[ShipmentLine] = Field(default_factory=list)
    events: list[ShipmentEvent] = Field(default_factory=list)
    created_at: Moment
    updated_at: Moment
