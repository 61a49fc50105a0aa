"""Units by line: whatever is shipped and cancelled in whatever order, they and the refunds add up."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.caller import Caller
from schemas.events import orders as events
from schemas.events.orders import OrderLine, Totals
from services.chassis.common.errors import InvalidState, ValidationFailed
from services.chassis.common.ids import new_id
from services.orders.domain import cancelling, parcels, saga
from services.orders.domain.history import after, fold
from services.orders.domain.order import Order
from services.orders.domain.pricing import goods_by_vendor
from services.orders.domain.quantities import cancelled, left, ordered, shipped
from tests.support.orders import line, placed

AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ADMIN = Caller(user_id="boss", roles=["ADMIN"])
SKUS = ("MUG", "LAMP", "CHAIR")
VENDORS = ("potter", "smith", None)

quantities = st.lists(st.integers(1, 7), min_size=1, max_size=3)
amounts = st.integers(0, 100_000)
actions = st.lists(
    st.tuples(st.sampled_from(["ship", "cancel"]), st.sampled_from(SKUS), st.integers(1, 7)), max_size=12
)


def confirmed(items: list[OrderLine], shipping: int, discount: int = 0) -> Order:
    """A confirmed order with these lines; shipping and discount in minor units."""
    subtotal, tax = sum(item.line_total for item in items), sum(item.tax for item in items)
    total = subtotal - discount + shipping + tax
    totals = Totals(subtotal=subtotal, discount=discount, shipping=shipping, tax=tax, total=total)
    new = fold([(placed(*items, totals=totals), AT)])
    return after(new, saga.confirmed(new), AT)


def act(order: Order, action: str, sku: str, quantity: int) -> tuple[Order, int]:
    """The order after a shipment or a cancellation, and its refund; the same order when it is refused."""
    try:
        if action == "ship":
            units = parcels.named_units(order, [(sku, quantity)], SKUS, "items", "to ship")
            lines = [events.LineQuantity(sku=sku, quantity=units[sku])]
            request = events.OrderShipmentRequested(
                order_id=order.id, shipment_id=new_id(), items=lines, requested_by="boss"
            )
            return after(order, request, AT), 0
        cancellation = cancelling.request(order, ADMIN, False, [(sku, quantity)], None, new_id())
    except InvalidState:
        return order, 0
    if isinstance(cancellation, events.OrderCancellationRequested):
        return order, 0  # everything at once is undone as a whole
    return after(order, cancellation, AT), cancellation.amount


@given(units=quantities, price=amounts, tax=amounts, shipping=amounts, percent=st.integers(0, 100), steps=actions)
def test_units_and_refunds_add_up(
    units: list[int], price: int, tax: int, shipping: int, percent: int, steps: list[tuple[str, str, int]]
) -> None:
    items = [
        line(sku, quantity, price + index, vendor).model_copy(update={"tax": tax // (index + 1)})
        for index, (sku, quantity, vendor) in enumerate(zip(SKUS, units, VENDORS, strict=False))
    ]
    discount = sum(item.line_total for item in items) * percent // 100
    order, refunded = confirmed(items, shipping, discount), 0

    for action, sku, quantity in steps:
        if sku in {item.sku for item in items}:
            order, amount = act(order, action, sku, quantity)
            assert amount >= 0
            refunded += amount

    assert shipped(order) + cancelled(order) + left(order) == ordered(order)
    total = order.placed.totals.total
    assert refunded <= total
    rest = cancelling.refund_of(order, left(order) + shipped(order))
    assert refunded + rest == total
    parts = [cancelling.parts_of_refund(order, cancellation) for cancellation in order.cancellations]
    assert [part.amount for part in parts] == [cancellation.amount for cancellation in order.cancellations]
    assert all(min(part.goods, part.tax, part.shipping) >= 0 for part in parts)
    sold = goods_by_vendor(order.placed)
    assert sum(sold.values()) <= order.placed.totals.subtotal - discount
    for part in parts:
        assert all(amount > 0 for amount in part.vendors.values()) or not part.goods
        assert sum(part.vendors.values()) <= part.goods


def test_refund_has_its_share_of_tax_and_shipping() -> None:
    mug, lamp = line("MUG", 3, 1000), line("LAMP", 1, 2000)
    order = confirmed([mug.model_copy(update={"tax": 301}), lamp.model_copy(update={"tax": 100})], 700)

    assert cancelling.refund_of(order, {"MUG": 1}) == 1000 + 100 + 140
    assert cancelling.refund_of(order, {"MUG": 3}) == 3000 + 301 + 420
    assert cancelling.refund_of(order, {"MUG": 3, "LAMP": 1}) == order.placed.totals.total


def test_vendors_goods_are_less_their_share_of_the_discount() -> None:
    items = [line("MUG", 3, 1000, "potter"), line("LAMP", 1, 2000, "smith"), line("CHAIR", 1, 5000)]
    order = confirmed(items, 700, discount=1001)

    assert goods_by_vendor(order.placed) == {"potter": 2700, "smith": 1800}
    assert goods_by_vendor(order.placed, {"MUG": 1, "CHAIR": 1}) == {"potter": 900, "smith": 0}


def test_parts_of_refunds_add_up_to_the_order() -> None:
    mug, lamp = line("MUG", 3, 1000), line("LAMP", 1, 2000)
    order = confirmed([mug.model_copy(update={"tax": 301}), lamp.model_copy(update={"tax": 0})], 700)
    for sku, quantity in (("MUG", 1), ("LAMP", 1), ("MUG", 2)):
        order = after(order, cancelling.request(order, ADMIN, False, [(sku, quantity)], None, new_id()), AT)
        if order.cancellation:  # the rest of an order is a cancellation of its own
            break

    first, second = (cancelling.parts_of_refund(order, each) for each in order.cancellations[:2])

    assert (first.goods, first.tax, first.shipping) == (1000, 100, 140)
    assert (second.goods, second.tax, second.shipping) == (2000, 0, 280)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["requested"], []),
        (["created"], ["order_shipped"]),
        (["delivered"], ["order_shipped", "order_delivered"]),
        (["returned"], ["order_shipped", "order_returned"]),
        (["lost"], ["order_shipped"]),
        (["rejected"], []),
    ],
)
def test_status_follows_the_shipments(statuses: list[str], expected: list[str]) -> None:
    order = confirmed([line("MUG", len(statuses))], 500)
    for status in statuses:
        shipment_id, lines = new_id(), [events.LineQuantity(sku="MUG", quantity=1)]
        fields = {"order_id": order.id, "shipment_id": shipment_id}
        order = after(order, events.OrderShipmentRequested(**fields, items=lines, requested_by="boss"), AT)
        if status == "rejected":
            order = after(order, events.OrderShipmentRejected(**fields, code="CONFLICT", reason="taken"), AT)
        elif status != "requested":
            created = {"carrier": "UPS", "tracking_number": "UP1", "number": "n", "email": "e", "user_id": None}
            order = after(order, events.OrderShipmentCreated(**fields, items=lines, **created), AT)
            order = after(order, events.OrderShipmentMoved(**fields, status=status), AT)

    assert [event.type for event in parcels.following_status(order)] == expected


def test_first_part_makes_the_order_processing() -> None:
    order = confirmed([line("MUG", 2)], 500)
    fields = {"order_id": order.id, "shipment_id": new_id()}
    lines = [events.LineQuantity(sku="MUG", quantity=1)]
    order = after(order, events.OrderShipmentRequested(**fields, items=lines, requested_by="boss"), AT)
    created = {"carrier": "UPS", "tracking_number": "UP1", "number": "n", "email": "e", "user_id": None}
    order = after(order, events.OrderShipmentCreated(**fields, items=lines, **created), AT)

    [event] = parcels.following_status(order)
    again = parcels.following_status(after(order, event, AT))

    assert (event.type, again) == ("order_processing", [])


def test_line_named_twice_is_refused() -> None:
    order = confirmed([line("MUG", 1)], 500)

    with pytest.raises(ValidationFailed) as refused:
        cancelling.request(order, ADMIN, False, [("MUG", 1), ("MUG", 1)], None, new_id())

    assert refused.value.details == [{"field": "lines.1.sku", "message": "is named twice"}]
