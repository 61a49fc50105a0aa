"""Fulfilment: the events of processing, shipping, delivery and return."""

from schemas.api.orders import SetStatus
from schemas.api.shipping import CreateShipment, ShipmentLine
from schemas.base import Address
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.rpc.shipping import ShippingRpc
from services.orders.domain.order import Order


def event_of_step(order: Order, command: SetStatus, shipping: ShippingRpc) -> Event:
    """The event of a step that `lifecycle.check_step` allows; `shipped` creates the shipment first, once per order."""
    if command.status == "processing":
        return events.OrderProcessing(order_id=order.id, note=command.note)
    if command.status == "returned":
        return events.OrderReturned(order_id=order.id, note=command.note)
    placed = order.placed
    fields = {"order_id": order.id, "number": order.number, "email": placed.email, "user_id": placed.user_id}
    if command.status == "delivered":
        return events.OrderDelivered(**fields, items=placed.items)
    shipment = shipping.create_shipment(
        CreateShipment(
            order_id=order.id,
            method=placed.shipping_method,
            address=Address.model_validate(placed.shipping_address, strict=False),
            items=[ShipmentLine(sku=line.sku, quantity=line.quantity) for line in placed.items],
            user_id=placed.user_id,
            carrier=command.carrier,
            tracking_number=command.tracking_number,
        )
    )
    return events.OrderShipped(
        **fields,
        shipment_id=shipment.id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
    )
