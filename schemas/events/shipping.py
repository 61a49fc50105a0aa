"""Events of shipments."""

from schemas.events.base import Event


class ShipmentCreated(Event, source="shipping", subject="shipment_id", version=1):
    """A shipment was created with its tracking number."""

    shipment_id: str
    order_id: str
    carrier: str
    tracking_number: str
    method: str | None = None
    user_id: str | None = None


class ShipmentMoved(Event, source="shipping", subject="shipment_id", version=1):
    """A tracking event of a shipment was recorded."""

    shipment_id: str
    order_id: str
    status: str
    location: str | None = None
    message: str | None = None
