"""Rules for the contents of a shipment, and for what shipments make of an order."""

from collections.abc import Sequence

from schemas.api.shipping import ShipmentLine
from schemas.caller import Caller
from schemas.events import orders as events
from schemas.events.base import Event
from schemas.permissions.permission import Permission
from services.chassis.common.errors import Conflict, Forbidden, InvalidState, NotFound, ValidationFailed
from services.orders.domain.order import Order, Shipment
from services.orders.domain.quantities import left, own_skus, shipped

SHIPPABLE = ("confirmed", "processing")
"""Statuses in which lines can be shipped: paid, and not shipped as a whole."""


def contents(order: Order, wanted: Sequence[ShipmentLine], caller: Caller) -> dict[str, int]:
    """The units to ship by SKU: those named, or all that are left of the caller's (an administrator's are all).

    Raises `Forbidden`, `NotFound` for an order that the vendor sells nothing in, `InvalidState` before it is paid or
    for more than is left to ship, `ValidationFailed` on `items.N.sku` for what isn't in it or is named twice.
    """
    if not caller.may(Permission.SHIPMENTS_WRITE):
        raise Forbidden()
    own = own_skus(order, caller, owns=False)
    if not own:
        raise NotFound("There is no such order")
    if order.is_undoing or order.status not in (*SHIPPABLE, "shipped"):
        raise InvalidState(f"Of an order that is {order.status} nothing can be sent", [{"status": order.status}])
    open_units = left(order)
    if not wanted:
        units = {sku: open_units[sku] for sku in own if open_units[sku]}
        if not units:
            raise InvalidState("Nothing is left to ship", [{"field": "items", "message": "nothing is left to ship"}])
        return units
    return named_units(order, [(line.sku, line.quantity) for line in wanted], own, "items", "to ship")


def named_units(
    order: Order, wanted: Sequence[tuple[str, int]], own: Sequence[str], field: str, purpose: str
) -> dict[str, int]:
    """The units by SKU that a request names. Raises `ValidationFailed` on `FIELD.N.sku`, `InvalidState` on
    `FIELD.N.quantity` for more than is left.
    """
    units: dict[str, int] = {}
    open_units = left(order)
    for index, (sku, quantity) in enumerate(wanted):
        if sku not in own:
            raise ValidationFailed.of(f"{field}.{index}.sku", "is not in this order")
        if sku in units:
            raise ValidationFailed.of(f"{field}.{index}.sku", "is named twice")
        if quantity > open_units[sku]:
            message = f"is more than the {open_units[sku]} left {purpose}"
            detail = {"field": f"{field}.{index}.quantity", "message": message, "sku": sku, "left": open_units[sku]}
            raise InvalidState(f"Of {sku} only {open_units[sku]} are left {purpose}", [detail])
        units[sku] = quantity
    return units


def requested_shipment(order: Order) -> Shipment | None:
    """The oldest shipment that shipping has not created yet."""
    return next((shipment for shipment in order.shipments if shipment.status == "requested"), None)


def repeated_shipment(
    order: Order, number: str | None, wanted: Sequence[ShipmentLine], caller: Caller
) -> Shipment | None:
    """The shipment that this request has made before, by its tracking number: repeated without its key it makes no
    other. None for another number, or none.

    Raises `Conflict` for the number of another vendor's shipment, or of one with other units.
    """
    shipments = (item for item in order.shipments if item.tracking_number == number and item.status != "rejected")
    shipment = next(shipments, None) if number else None
    if shipment is None:
        return None
    is_own = shipment.vendor_id == (None if caller.may(Permission.ORDERS_MANAGE) else caller.user_id)
    if not is_own or (wanted and {line.sku: line.quantity for line in wanted} != dict(shipment.items)):
        detail = {"field": "tracking_number", "message": "is taken"}
        raise Conflict("Another shipment has this tracking number", [detail])
    return shipment


def may_become(shipment: Shipment, status: str) -> bool:
    """Whether a tracking status is later than the shipment's: what was returned or lost was not delivered later."""
    return shipment.status not in ("returned", "lost", status)


def following_status(order: Order) -> list[Event]:
    """The event for the status that the order's shipments and cancelled lines lead to; none if it has that status.

    `processing` from the first shipment on, `shipped` when no unit is left, `delivered` when all shipments are,
    `returned` when all came back.
    """
    if order.is_undoing or order.status not in (*SHIPPABLE, "shipped", "delivered"):
        return []
    fields = {
        "order_id": order.id,
        "number": order.number,
        "email": order.placed.email,
        "user_id": order.placed.user_id,
    }
    statuses = {shipment.status for shipment in order.shipments if shipment.status not in ("requested", "rejected")}
    if not statuses or requested_shipment(order) is not None:
        return []
    if left(order):
        return [events.OrderProcessing(order_id=order.id)] if order.status == "confirmed" else []
    following: list[Event] = []
    if order.status in SHIPPABLE:
        last = next(shipment for shipment in reversed(order.shipments) if shipment.tracking_number)
        shipment_fields = {"shipment_id": last.id, "carrier": last.carrier, "tracking_number": last.tracking_number}
        following.append(events.OrderShipped(**fields, **shipment_fields))
    if statuses == {"returned"}:
        return [*following, events.OrderReturned(order_id=order.id)]
    if order.status != "delivered" and statuses <= {"delivered", "returned"}:
        following.append(delivered(order))
    return following


def delivered(order: Order) -> events.OrderDelivered:
    """The event for the delivery of all that was shipped."""
    units, placed = shipped(order), order.placed
    lines = [
        line.model_copy(update={"quantity": units[line.sku], "line_total": line.unit_price * units[line.sku]})
        for line in placed.items
        if units[line.sku]
    ]
    fields = {"order_id": order.id, "number": order.number, "email": placed.email, "user_id": placed.user_id}
    return events.OrderDelivered(**fields, items=lines)
