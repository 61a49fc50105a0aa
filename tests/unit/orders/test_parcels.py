"""What of an order may be sent by whom."""

import pytest

from schemas.api.shipping import ShipmentLine
from schemas.base import Caller
from schemas.events import orders as events
from schemas.events.base import Event
from services.chassis.common import clock
from services.chassis.common.errors import DomainError, Forbidden, InvalidState, NotFound, ValidationFailed
from services.orders.domain.order import Order, fold
from services.orders.domain.parcels import contents
from tests.support.orders import line, placed

ADMIN = Caller(user_id="boss", roles=["ADMIN"])
POTTER = Caller(user_id="potter", roles=["VENDOR"])
RIVAL = Caller(user_id="rival", roles=["VENDOR"])
SHOPPER = Caller(user_id="potter", roles=["CUSTOMER"])


def order(paid: bool = True) -> Order:
    """Two mugs of the potter's and a lamp of the house's."""
    first = placed(line("MUG", 2, vendor_id="potter"), line("LAMP", 1))
    happened: list[Event] = [first]
    if paid:
        happened.append(confirmed(first))
    return fold([(event, clock.now()) for event in happened])


def confirmed(first: events.OrderPlaced) -> events.OrderConfirmed:
    fields = {name: getattr(first, name) for name in events.OrderConfirmed.model_fields if hasattr(first, name)}
    return events.OrderConfirmed(**fields)


def sent(what: Order, caller: Caller, **wanted: int) -> dict[str, int]:
    lines = contents(what, [ShipmentLine(sku=sku, quantity=quantity) for sku, quantity in wanted.items()], caller)
    return {line.sku: line.quantity for line in lines}


def test_who_names_nothing_sends_all_that_is_theirs() -> None:
    assert sent(order(), ADMIN) == {"MUG": 2, "LAMP": 1}
    assert sent(order(), POTTER) == {"MUG": 2}


def test_a_part_of_an_order_may_go_first() -> None:
    assert sent(order(), ADMIN, LAMP=1) == {"LAMP": 1}
    assert sent(order(), POTTER, MUG=1) == {"MUG": 1}


@pytest.mark.parametrize(
    ("caller", "wanted", "refusal", "field"),
    [
        (SHOPPER, {}, Forbidden, None),
        (RIVAL, {}, NotFound, None),
        (POTTER, {"LAMP": 1}, ValidationFailed, "items.0.sku"),
        (ADMIN, {"MUG": 1, "GHOST": 1}, ValidationFailed, "items.1.sku"),
        (ADMIN, {"MUG": 3}, ValidationFailed, "items.0.quantity"),
    ],
)
def test_what_is_not_theirs_is_not_sent(
    caller: Caller, wanted: dict[str, int], refusal: type[DomainError], field: str | None
) -> None:
    with pytest.raises(refusal) as refused:
        sent(order(), caller, **wanted)

    assert [detail.get("field") for detail in refused.value.details] == ([field] if field else [])


def test_nothing_leaves_before_it_is_paid() -> None:
    with pytest.raises(InvalidState):
        sent(order(paid=False), ADMIN)
