"""RPC interface of the shipping service."""

from typing import Protocol

from schemas.api.shipping import (
    AddShipmentEvent,
    CreateShipment,
    PriceOf,
    Quote,
    QuoteCart,
    Rate,
    Shipment,
    ShippingMethod,
    Tracking,
    TrackingNumber,
)
from schemas.caller import Caller


class ShippingRpc(Protocol):
    """Shipping: methods, rates, shipments, tracking."""

    def quote(self, command: Quote) -> list[Rate]:
        """List the price of every method that delivers goods of this value and weight to a destination."""
        ...

    def quote_cart(self, command: QuoteCart) -> list[Rate]:
        """List the price of every method that delivers a cart to a destination. Raises `NotFound` for the cart."""
        ...

    def price_of(self, command: PriceOf) -> Rate:
        """Get the price of one method. Raises `ValidationFailed` when it doesn't deliver there."""
        ...

    def methods(self) -> list[ShippingMethod]:
        """List all shipping methods and the countries that they deliver to."""
        ...

    def create_shipment(self, command: CreateShipment) -> Shipment:
        """Create a shipment of an order. Idempotent under its tracking number and under `command.idempotency`."""
        ...

    def add_event(self, command: AddShipmentEvent) -> Shipment:
        """Record a tracking event: administrators for any shipment, vendors for their own. Raises `NotFound`."""
        ...

    def get_shipment(self, shipment_id: str, caller: Caller) -> Shipment:
        """Get a shipment of an own order, or an own shipment of a vendor. Raises `NotFound`."""
        ...

    def track(self, number: TrackingNumber) -> Tracking:
        """Get the tracking events by tracking number. Raises `NotFound`."""
        ...
