"""Shipment contents: which lines of an order each caller may ship."""

import pytest

from schemas.api.shipping import ShipmentLine
from schemas.caller import Caller
from schemas.events import orders as events
from schemas.events.base import Event
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, Forbidden, InvalidState, NotFound, ValidationFailed
from services.orders.domain.history import fold
from services.orders.domain.order import Order
from services.orders.domain.parcels import contents
from tests.support.orders import line, placed

ADMIN = Caller(user_id="boss", roles=["ADMIN"])
VENDOR = Caller(user_id="potter", roles=["VENDOR"])
OTHER_VENDOR = Caller(user_id="rival", roles=["VENDOR"])
CUSTOMER = Caller(user_id="potter", roles=["CUSTOMER"])


def order(paid: bool = True) -> Order:
    """An order of two mugs of the vendor and a lamp without vendor."""
    first = placed(line("MUG", 2, vendor_id="potter"), line("LAMP", 1))
    history: list[Event] = [first]
    if paid:
        history.append(confirmed(first))
    return fold([(event, clock.now()) for event in history])


def confirmed(first: events.OrderPlaced) -> events.OrderConfirmed:
    fields = {name: getattr(first, name) for name in events.OrderConfirmed.model_fields if hasattr(first, name)}
    return events.OrderConfirmed(**fields)


def shipped_lines(order_: Order, caller: Caller, **quantities: int) -> dict[str, int]:
    return contents(order_, [ShipmentLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()], caller)


def test_shipment_has_all_own_lines_by_default() -> None:
    assert shipped_lines(order(), ADMIN) == {"MUG": 2, "LAMP": 1}
    assert shipped_lines(order(), VENDOR) == {"MUG": 2}


def test_shipment_may_have_a_part_of_the_lines() -> None:
    assert shipped_lines(order(), ADMIN, LAMP=1) == {"LAMP": 1}
    assert shipped_lines(order(), VENDOR, MUG=1) == {"MUG": 1}


@pytest.mark.parametrize(
    ("caller", "quantities", "refusal", "field"),
    [
        (CUSTOMER, {}, Forbidden, None),
        (OTHER_VENDOR, {}, NotFound, None),
        (VENDOR, {"LAMP": 1}, ValidationFailed, "items.0.sku"),
        (ADMIN, {"MUG": 1, "GHOST": 1}, ValidationFailed, "items.1.sku"),
        (ADMIN, {"MUG": 3}, InvalidState, "items.0.quantity"),
    ],
)
def test_lines_of_others_are_not_shipped(
    caller: Caller, quantities: dict[str, int], refusal: type[DomainError], field: str | None
) -> None:
    with pytest.raises(refusal) as refused:
        shipped_lines(order(), caller, **quantities)

    assert [detail.get("field") for detail in refused.value.details] == ([field] if field else [])


def test_unpaid_order_is_not_shipped() -> None:
    with pytest.raises(InvalidState):
        shipped_lines(order(paid=False), ADMIN)
