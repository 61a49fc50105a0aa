"""Rules for manual steps of an order, and for its ownership."""

from datetime import datetime, timedelta

from schemas.base import Caller
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
CART_REORDERABLE = ("awaiting_payment", "failed", "cancelled")
"""Statuses after which the same cart may be ordered again: failed, or waiting for the customer, who may prefer another
card.
"""
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
    """Raises `InvalidState` for an order that has been shipped or has ended."""
    if order.status not in CANCELLABLE or order.failure is not None:
        raise InvalidState(
            f"An order that is {order.status} can't be cancelled", [{"field": "status", "status": order.status}]
        )


def is_cart_reorderable(status: str, placed_at: datetime, now: datetime) -> bool:
    """Whether the cart version of this order may be ordered again."""
    return status in CART_REORDERABLE or now - placed_at > CART_REUSE_AFTER


def check_owner(order: Order, caller: Caller, holds_key: bool) -> None:
    """Raises `NotFound` unless the order is the caller's own."""
    is_own = caller.user_id is not None and caller.user_id == order.placed.user_id
    if not (is_own or caller.is_admin or holds_key or _sells_in(order, caller)):
        raise NotFound("There is no such order")


def check_fulfils(order: Order, caller: Caller) -> None:
    """Raises unless the caller may fulfil the order: an administrator any, a vendor one with own items only."""
    if caller.is_admin:
        return
    if not caller.is_vendor:
        raise Forbidden()
    if not all(item.vendor_id == caller.user_id for item in order.placed.items):
        raise NotFound("There is no such order")


def _sells_in(order: Order, caller: Caller) -> bool:
    return caller.is_vendor and any(item.vendor_id == caller.user_id for item in order.placed.items)
