"""Events of an order's shipments, and of the statuses that follow from them."""

from schemas.events.base import Event
from schemas.events.orders.lines import LineQuantity, OrderLine


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
