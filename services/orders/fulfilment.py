"""Fulfilment: shipments, and the statuses that follow from them."""

from collections.abc import Mapping, Sequence

from schemas.api.orders import CreateOrderShipment, SetStatus
from schemas.api.shipping import AddShipmentEvent, CreateShipment, Shipment, ShipmentLine
from schemas.base import Address
from schemas.caller import OPERATOR
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.permissions.permission import Permission
from schemas.rpc.shipping import ShippingRpc
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, InvalidState
from services.chassis.common.ids import new_id
from services.orders.domain import cancelling, parcels, saga
from services.orders.domain.history import after
from services.orders.domain.order import Order
from services.orders.domain.order import Shipment as OrderShipment
from services.orders.store import StoredOrder


class Fulfilment:
    """The steps of fulfilment that need the shipping service."""

    def __init__(self, shipping: ShippingRpc) -> None:
        self.shipping = shipping

    def create_shipment(self, stored: StoredOrder) -> Sequence[Event]:
        """Create the oldest requested shipment."""
        requested = parcels.requested_shipment(stored.order)
        return self.create(stored.order, requested)[1] if requested else []

    def create(self, order: Order, shipment: OrderShipment) -> tuple[Shipment, list[Event]]:
        """Create a requested shipment at the shipping service: the shipment, and the events that follow.

        Idempotent under its id. Raises `Conflict` for a tracking number that is taken.
        """
        placed = order.placed
        reply = self.shipping.create_shipment(
            CreateShipment(
                shipment_id=shipment.id,
                order_id=order.id,
                method=shipment.method or placed.shipping_method,
                carrier=shipment.carrier,
                tracking_number=shipment.tracking_number,
                items=[ShipmentLine(sku=sku, quantity=quantity) for sku, quantity in shipment.items.items()],
                address=Address.model_validate(placed.shipping_address, strict=False),
                user_id=placed.user_id,
                vendor_id=shipment.vendor_id,
            )
        )
        if shipment.status != "requested":
            return reply, []
        created = events.OrderShipmentCreated(
            order_id=order.id,
            shipment_id=shipment.id,
            carrier=reply.carrier,
            tracking_number=reply.tracking_number,
            items=_lines(shipment.items),
            number=order.number,
            email=placed.email,
            user_id=placed.user_id,
        )
        return reply, [created, *following(order, created)]

    def deliver(self, order: Order) -> list[Event]:
        """Mark the order's shipments as delivered; returns the events that follow."""
        happened: list[Event] = []
        for shipment in order.shipments:
            if shipment.status in ("created", "in_transit", "out_for_delivery"):
                status = self._delivered(shipment.id)
                happened.append(events.OrderShipmentMoved(order_id=order.id, shipment_id=shipment.id, status=status))
        return [*happened, *following(order, *happened)]

    def _delivered(self, shipment_id: str) -> str:
        """Record the delivery at the shipping service; returns the shipment's status, which may be a later one."""
        try:
            delivery = AddShipmentEvent(shipment_id=shipment_id, status="delivered", caller=OPERATOR)
            return self.shipping.add_event(delivery).status
        except InvalidState:
            return self.shipping.get_shipment(shipment_id=shipment_id, caller=OPERATOR).status


def rejected_shipment(order: Order, shipment_id: str, refusal: DomainError) -> events.OrderShipmentRejected:
    """The event for a shipment that the shipping service refused: its units are left to ship again."""
    return events.OrderShipmentRejected(
        order_id=order.id, shipment_id=shipment_id, code=refusal.code, reason=refusal.message
    )


def requested_shipment(order: Order, command: CreateOrderShipment, shipment_id: str) -> events.OrderShipmentRequested:
    """The event for a shipment that the caller requests. Raises as `parcels.contents`."""
    caller = command.caller
    return events.OrderShipmentRequested(
        order_id=order.id,
        shipment_id=shipment_id,
        items=_lines(parcels.contents(order, command.items, caller)),
        requested_by=str(caller.user_id),
        method=command.method,
        carrier=command.carrier,
        tracking_number=command.tracking_number,
        vendor_id=None if caller.may(Permission.ORDERS_MANAGE) else caller.user_id,
    )


def events_of_step(order: Order, command: SetStatus, fulfilment: Fulfilment) -> list[Event]:
    """The events of a step that `lifecycle.check_step` allows: `shipped` requests a shipment of all that is left."""
    if command.status == "processing":
        return [events.OrderProcessing(order_id=order.id, note=command.note)]
    if command.status == "returned":
        return [events.OrderReturned(order_id=order.id, note=command.note)]
    if command.status == "delivered":
        return fulfilment.deliver(order) or [parcels.delivered(order)]
    shipment = CreateOrderShipment(
        order_id=order.id, carrier=command.carrier, tracking_number=command.tracking_number, caller=command.caller
    )
    return [requested_shipment(order, shipment, new_id())]


def following(order: Order, *happened: Event) -> list[Event]:
    """The event of the status that the order reaches by what has happened; none if it reaches no other."""
    for event in happened:
        order = after(order, event, clock.now())
    if cancelling.is_fully_cancelled(order):
        return [saga.ended(order)]
    return parcels.following_status(order)


def _lines(items: Mapping[str, int]) -> list[events.LineQuantity]:
    return [events.LineQuantity(sku=sku, quantity=quantity) for sku, quantity in items.items()]
