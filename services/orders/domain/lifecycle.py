"""Which steps an order may take by people's hands, and whose order it is."""

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
"""Until it has left the house."""
LEAVES_CART = ("awaiting_payment", "failed", "cancelled")
"""Came to nothing, or waits for its customer, who may prefer another card."""
CART_COUNTS_ANEW = timedelta(hours=1)
"""A confirmed order empties its cart within a second. Later, the same version is that of a cart made anew, should Redis
have lost the old one."""


def check_step(order: Order, status: str) -> None:
    """Raises `InvalidState` unless an order as it stands may come to `status`."""
    if order.is_undoing or status not in FULFILMENT.get(order.status, set()):
        raise InvalidState(
            f"An order that is {order.status} can't become {status}",
            [{"field": "status", "message": f"from {order.status} to {status}", "status": order.status}],
        )


def check_cancellable(order: Order) -> None:
    """Raises `InvalidState` for an order that has left the house or has ended."""
    if order.status not in CANCELLABLE or order.failure is not None:
        raise InvalidState(
            f"An order that is {order.status} can't be cancelled", [{"field": "status", "status": order.status}]
        )


def leaves_cart(status: str, placed_at: datetime, now: datetime) -> bool:
    """Whether the very cart that this order was made of may be ordered again."""
    return status in LEAVES_CART or now - placed_at > CART_COUNTS_ANEW


def check_owner(order: Order, caller: Caller, holds_key: bool) -> None:
    """Raises `NotFound` unless it is the caller's own order: somebody else's doesn't exist for them."""
    is_own = caller.user_id is not None and caller.user_id == order.placed.user_id
    if not (is_own or caller.is_admin or holds_key or _sells_in(order, caller)):
        raise NotFound("There is no such order")


def check_fulfils(order: Order, caller: Caller) -> None:
    """Administrators move every order, a vendor those in which all items are theirs."""
    if caller.is_admin:
        return
    if not caller.is_vendor:
        raise Forbidden()
    if not all(item.vendor_id == caller.user_id for item in order.placed.items):
        raise NotFound("There is no such order")


def _sells_in(order: Order, caller: Caller) -> bool:
    return caller.is_vendor and any(item.vendor_id == caller.user_id for item in order.placed.items)
