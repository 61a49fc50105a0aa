"""Units of an order's lines: ordered, in shipments, cancelled, and left to ship. By SKU, which is in one line only."""

from collections import Counter
from collections.abc import Iterable, Mapping

from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.orders.domain.order import Order

SHIPPED_STATUSES = ("shipped", "delivered", "returned")


def shipped(order: Order) -> Counter[str]:
    """Units in shipments, also in requested ones. Orders of before shipments were recorded were shipped as a whole."""
    units = _sum(shipment.items for shipment in order.shipments if shipment.status != "rejected")
    if not units and order.status in SHIPPED_STATUSES:
        return ordered(order) - cancelled(order)
    return units


def cancelled(order: Order) -> Counter[str]:
    """Units of cancelled lines; all of an order that is cancelled as a whole."""
    if order.status == "cancelled":
        return ordered(order)
    return _sum(cancellation.items for cancellation in order.cancellations)


def ordered(order: Order) -> Counter[str]:
    return Counter({line.sku: line.quantity for line in order.placed.items})


def left(order: Order) -> Counter[str]:
    """Units that are neither in shipments nor cancelled."""
    return ordered(order) - shipped(order) - cancelled(order)


def own_skus(order: Order, caller: Caller, owns: bool) -> list[str]:
    """The SKUs of the lines that the caller may act on: an owner or administrator all, a vendor own ones."""
    lines = order.placed.items
    return [
        line.sku for line in lines if owns or caller.may(Permission.ORDERS_MANAGE) or _sells(caller, line.vendor_id)
    ]


def _sells(caller: Caller, vendor_id: str | None) -> bool:
    return caller.may(Permission.ORDERS_FULFIL) and vendor_id is not None and vendor_id == caller.user_id


def _sum(items: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for quantities in items:
        total.update(quantities)
    return total
