"""Rules for the contents of a shipment."""

from collections.abc import Sequence

from schemas.api.shipping import ShipmentLine
from schemas.base import Caller
from services.chassis.common.errors import Forbidden, InvalidState, NotFound, ValidationFailed
from services.orders.domain.order import Order

SHIPPABLE = ("confirmed", "processing", "shipped")
"""Statuses in which lines can be shipped: paid, and not delivered; further shipments may follow the first."""


def contents(order: Order, wanted: Sequence[ShipmentLine], caller: Caller) -> list[ShipmentLine]:
    """The lines to ship: those named, or all that the caller may ship (an administrator all, a vendor own ones).

    Raises `Forbidden`, `NotFound` for an order that the vendor sells nothing in, `InvalidState` before it is paid,
    `ValidationFailed` on `items.N.sku` or `items.N.quantity` for what isn't in it.
    """
    if not (caller.is_admin or caller.is_vendor):
        raise Forbidden()
    lines = order.placed.items
    ordered = {line.sku: line.quantity for line in lines if caller.is_admin or line.vendor_id == caller.user_id}
    if not ordered:
        raise NotFound("There is no such order")
    if order.is_undoing or order.status not in SHIPPABLE:
        raise InvalidState(f"Of an order that is {order.status} nothing can be sent", [{"status": order.status}])
    for index, line in enumerate(wanted):
        if line.sku not in ordered:
            raise ValidationFailed.of(f"items.{index}.sku", "is not in this order")
        if line.quantity > ordered[line.sku]:
            raise ValidationFailed.of(f"items.{index}.quantity", f"is more than the {ordered[line.sku]} ordered")
    return list(wanted) or [ShipmentLine(sku=sku, quantity=quantity) for sku, quantity in ordered.items()]
