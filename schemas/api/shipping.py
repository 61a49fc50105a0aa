"""Shipping: methods, rates, shipments and tracking."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.api.cart import CartId
from schemas.base import (
    MAX_AMOUNT,
    Address,
    Currency,
    Id,
    Moment,
    Money,
    OneLine,
    Quantity,
    Request,
    Schema,
    ShortText,
    Sku,
)
from schemas.caller import ANONYMOUS, Caller
from schemas.codes import GivenCountry

MethodCode = Annotated[
    str, StringConstraints(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_\-]*$"), Field(examples=["standard"])
]
TrackingNumber = Annotated[str, StringConstraints(min_length=4, max_length=60, pattern=r"^[A-Za-z0-9\-]+$")]
ShipmentStatus = Literal["created", "in_transit", "out_for_delivery", "delivered", "returned", "lost"]

Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Grams = Annotated[int, Field(ge=0, le=10**9)]


class Destination(Request):
    """The parts of an address that determine the price."""

    country: GivenCountry
    region: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), OneLine] | None = None
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20), OneLine] | None = None


class RatesRequest(Request):
    """Request shipping prices for the caller's cart to an address."""

    address: Destination
    cart_id: CartId | None = None


class Quote(Request):
    """Get the prices of all methods to an address, for goods of this value (minor units) and weight."""

    address: Destination
    subtotal: Amount
    weight_g: Grams
    currency: Currency


class QuoteCart(RatesRequest):
    """Get the prices of all methods for the cart `cart_id`, else for the caller's cart."""

    own_cart_id: CartId | None = None
    """The guest's cart, from the header `X-Cart-Id`."""
    caller: Caller = ANONYMOUS


class PriceOf(Quote):
    """Get the price of one method."""

    method: MethodCode


class Rate(Schema):
    """A shipping method with its price."""

    method: Annotated[str, Field(examples=["standard"])]
    name: Annotated[str, Field(examples=["Standard delivery"])]
    carrier: Annotated[str, Field(examples=["UltraPost"])]
    price: Money
    days_min: int
    days_max: int


class ShippingMethod(Schema):
    """A shipping method and its destinations."""

    method: str
    name: str
    carrier: str
    countries: list[str]
    """ISO 3166-1 alpha-2; empty: all countries that no other zone covers."""
    days_min: int
    days_max: int


class ShipmentLine(Request):
    """Units of a SKU in a parcel."""

    sku: Sku
    quantity: Quantity


class ShipmentRequest(Request):
    """A shipment of an order. Without lines: the whole order."""

    order_id: Id
    method: MethodCode | None = None
    carrier: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), OneLine] | None = (
        None
    )
    tracking_number: TrackingNumber | None = None
    items: list[ShipmentLine] = Field(default_factory=list, max_length=200)


class CreateShipment(ShipmentRequest):
    """Create a shipment (services only). Idempotent under `shipment_id`."""

    shipment_id: Id
    address: Address | None = None
    user_id: str | None = None
    """The customer of the order, who may read the shipment."""
    vendor_id: str | None = None


class ShipmentEventRequest(Request):
    """A tracking event."""

    status: ShipmentStatus
    location: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), OneLine] | None = None
    message: ShortText | None = None


class AddShipmentEvent(ShipmentEventRequest):
    """Record a tracking event of a shipment."""

    shipment_id: str
    caller: Caller


class ShipmentEvent(Schema):
    """A tracking event of a shipment."""

    status: ShipmentStatus
    location: str | None = None
    message: str | None = None
    at: Moment


class Tracking(Schema):
    """The public tracking information of a shipment."""

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
