"""What happens to parcels."""

from schemas.events.base import Event


class ShipmentCreated(Event, source="shipping", subject="shipment_id", version=1):
    """A parcel has its number and leaves the house."""

    shipment_id: str
    order_id: str
    carrier: str
    tracking_number: str
    method: str | None = None
    user_id: str | None = None


class ShipmentMoved(Event, source="shipping", subject="shipment_id", version=1):
    """Something happened to a parcel on its way."""

    shipment_id: str
    order_id: str
    status: str
    location: str | None = None
    message: str | None = None
