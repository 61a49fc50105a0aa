"""Rules for cancelling: what of an order a caller may cancel, and the refund for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from schemas.caller import Caller
from schemas.events import orders as events
from schemas.permissions.permission import Permission
from services.chassis.common.errors import InvalidState
from services.chassis.common.money import split
from services.orders.domain.lifecycle import check_cancellable
from services.orders.domain.order import LineCancellation, Order
from services.orders.domain.parcels import named_units
from services.orders.domain.pricing import goods_by_vendor
from services.orders.domain.quantities import cancelled, left, own_skus, shipped

PAID = ("confirmed", "processing")


@dataclass(frozen=True)
class RefundAmounts:
    """A refund in its parts, in minor units: goods less their discount, tax, shipping."""

    goods: int
    tax: int
    shipping: int
    vendors: Mapping[str, int] = field(default_factory=dict)
    """The goods of vendors' lines, by vendor id."""

    @property
    def amount(self) -> int:
        return self.goods + self.tax + self.shipping


def request(
    order: Order,
    caller: Caller,
    owns: bool,
    wanted: Sequence[tuple[str, int]] | None,
    reason: str | None,
    cancellation_id: str,
) -> events.OrderCancellationRequested | events.OrderLinesCancellationRequested:
    """The event for a cancellation: of the whole order, or of those lines that the caller may cancel.

    `owns`: the caller is the customer, or has the order's key. Raises `InvalidState`, `ValidationFailed` on `lines`.
    """
    check_cancellable(order)
    requested_by = caller.user_id or "guest"
    own = own_skus(order, caller, owns)
    named = dict(wanted or ())
    is_everything = wanted is None or (len(named) == len(wanted) and Counter(named) == left(order))
    if (
        is_everything
        and not shipped(order)
        and len(own) == len(order.placed.items)
        and (owns or caller.may(Permission.ORDERS_MANAGE))
    ):
        return events.OrderCancellationRequested(order_id=order.id, requested_by=requested_by, reason=reason)
    if order.status not in PAID:
        raise InvalidState(
            f"Lines of an order that is {order.status} can't be cancelled", [{"field": "lines", "status": order.status}]
        )
    if wanted is None:
        units = {sku: quantity for sku, quantity in left(order).items() if sku in own}
        if not units:
            raise InvalidState(
                "Everything has been shipped or cancelled", [{"field": "lines", "message": "none is left"}]
            )
    else:
        units = named_units(order, wanted, own, "lines", "to cancel")
    return events.OrderLinesCancellationRequested(
        order_id=order.id,
        cancellation_id=cancellation_id,
        requested_by=requested_by,
        reason=reason,
        lines=[events.LineQuantity(sku=sku, quantity=quantity) for sku, quantity in sorted(units.items())],
        amount=refund_of(order, units),
        currency=order.placed.currency,
        vendor_id=None if owns or caller.may(Permission.ORDERS_MANAGE) else caller.user_id,
    )


def refund_of(order: Order, units: Mapping[str, int]) -> int:
    """The refund for cancelling these units, in minor units: their price, with its share of discount, tax,
    shipping.

    The difference of two cumulative values, so that all cancellations of an order add up to its total exactly.
    """
    return _parts_of(order, cancelled(order), units).amount


def parts_of_refund(order: Order, cancellation: LineCancellation) -> RefundAmounts:
    """The parts of a cancellation's refund: it comes after those that were requested before it."""
    before: Counter[str] = Counter()
    for earlier in order.cancellations[: order.cancellations.index(cancellation)]:
        before.update(earlier.items)
    after = before + Counter(cancellation.items)
    goods, goods_before = goods_by_vendor(order.placed, after), goods_by_vendor(order.placed, before)
    vendors = {vendor: goods[vendor] - goods_before[vendor] for vendor in goods if goods[vendor] > goods_before[vendor]}
    parts = _parts_of(order, before, cancellation.items)
    if sum(vendors.values()) > parts.goods:  # a discount is rounded by line here, for the whole there
        vendors = dict(zip(vendors, split(parts.goods, list(vendors.values())), strict=True))
    return replace(parts, vendors=vendors)


def pending(order: Order, status: str) -> LineCancellation | None:
    """The oldest cancellation of lines in this status."""
    return next((item for item in order.cancellations if item.status == status), None)


def is_fully_cancelled(order: Order) -> bool:
    """Whether nothing is left of the order: all units are cancelled and returned to stock, none was shipped."""
    is_done = all(item.status == "done" for item in order.cancellations)
    return is_done and not left(order) and not shipped(order)


def _parts_of(order: Order, before: Counter[str], units: Mapping[str, int]) -> RefundAmounts:
    """The difference of two cumulative values."""
    after = _value_of(order, before + Counter(dict(units)))
    earlier = _value_of(order, before)
    return RefundAmounts(after.goods - earlier.goods, after.tax - earlier.tax, after.shipping - earlier.shipping)


def _value_of(order: Order, units: Counter[str]) -> RefundAmounts:
    """The price of these units: each share is rounded down; all units cost the order's total."""
    lines, totals = order.placed.items, order.placed.totals
    goods = sum(line.line_total * units[line.sku] // line.quantity for line in lines)
    tax = sum(line.tax * units[line.sku] // line.quantity for line in lines)
    if all(units[line.sku] == line.quantity for line in lines):
        return RefundAmounts(totals.subtotal - totals.discount, totals.tax, totals.shipping)
    base = totals.subtotal or 1
    return RefundAmounts(goods - totals.discount * goods // base, tax, totals.shipping * goods // base)
