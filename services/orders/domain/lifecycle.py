"""Rules for manual steps of an order, and for its ownership."""

from datetime import datetime, timedelta
from typing import Literal

from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.chassis.common.errors import Forbidden, InvalidState, NotFound
from services.orders.domain.order import Order

FULFILMENT = {
    "confirmed": {"processing", "shipped"},
    "processing": {"shipped"},
    "shipped": {"delivered", "returned"},
    "delivered": {"returned"},
}
CANCELLABLE = ("pending", "awaiting_payment", "confirmed", "processing")
"""Statuses before shipping, in which an order can be cancelled."""
CART_REORDERABLE = ("failed", "cancelled")
"""Statuses after which the same cart may be ordered again. One that waits for the customer's payment is superseded."""
CART_REUSE_AFTER = timedelta(hours=1)
"""Time after which the same cart version may be ordered again: a confirmed order empties its cart within a second, so a
later one with the same version is a new cart.
"""


def check_step(order: Order, status: str) -> None:
    """Raises `InvalidState` unless the order may change to `status`."""
    if order.is_undoing or status not in FULFILMENT.get(order.status, set()):
        raise InvalidState(
            f"An order that is {order.status} can't become {status}",
            [{"field": "status", "message": f"from {order.status} to {status}", "status": order.status}],
        )


def check_cancellable(order: Order) -> None:
    """Raises `InvalidState` for an order that has been shipped as a whole or has ended."""
    if order.status not in CANCELLABLE or order.failure is not None:
        raise InvalidState(
            f"An order that is {order.status} can't be cancelled", [{"field": "status", "status": order.status}]
        )


def stock_claim(status: str | None) -> Literal["sold", "held", "none"]:
    """The claim of an order with this status on its reserved stock; None: there is no such order."""
    if status in ("pending", "awaiting_payment"):
        return "held"
    return "none" if status in (None, "failed", "cancelled") else "sold"


def can_be_superseded(order: Order) -> bool:
    """Whether another order of the same cart may replace this one: it waits for the customer, or is being undone."""
    return order.status == "awaiting_payment" or order.is_undoing


def is_cart_reorderable(status: str, placed_at: datetime, now: datetime) -> bool:
    """Whether the cart version of this order may be ordered again."""
    return status in CART_REORDERABLE or now - placed_at > CART_REUSE_AFTER


def is_owner(order: Order, caller: Caller, holds_key: bool) -> bool:
    """Whether the caller is the order's customer, or a guest with its key."""
    return holds_key or (caller.user_id is not None and caller.user_id == order.placed.user_id)


def check_owner(order: Order, caller: Caller, holds_key: bool) -> None:
    """Raises `NotFound` unless the order is the caller's own, or they sell something in it."""
    if not (is_owner(order, caller, holds_key) or caller.may(Permission.ORDERS_READ_ANY) or _sells_in(order, caller)):
        raise NotFound("There is no such order")


def check_fulfils(order: Order, caller: Caller) -> None:
    """Raises unless the caller may fulfil the order: an administrator any, a vendor one with own items only."""
    if caller.may(Permission.ORDERS_MANAGE):
        return
    if not caller.may(Permission.ORDERS_FULFIL):
        raise Forbidden()
    if not all(item.vendor_id == caller.user_id for item in order.placed.items):
        raise NotFound("There is no such order")


def _sells_in(order: Order, caller: Caller) -> bool:
    return caller.may(Permission.ORDERS_FULFIL) and any(item.vendor_id == caller.user_id for item in order.placed.items)
