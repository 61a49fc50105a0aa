"""Shipments and partial cancellations: what has left is not cancelled, what is cancelled does not leave."""

from typing import Any

import pytest

from schemas.caller import Caller
from schemas.events.shipping import ShipmentMoved
from services.chassis.common.errors import Conflict, InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import new_id
from tests.service.orders.conftest import ADMIN, Shop, run_concurrently
from tests.support.fake_services import SimulatedCrash, cart_line

POTTER = Caller(user_id=new_id(), roles=["VENDOR"], email="potter@example.com")
SMITH = Caller(user_id=new_id(), roles=["VENDOR"], email="smith@example.com")


@pytest.fixture
def order(shop: Shop) -> dict[str, Any]:
    """A confirmed order of three mugs by the potter (30.00) and two lamps by the smith (40.00); shipping 5.00."""
    shop.inventory.stock = {"MUG": 10, "LAMP": 10}
    shop.cart.lines = [
        cart_line("MUG", 3, 1000, 1000) | {"vendor_id": POTTER.user_id},
        cart_line("LAMP", 2, 2000, 1000) | {"vendor_id": SMITH.user_id},
    ]
    return shop.order()


def ship(shop: Shop, order: dict[str, Any], caller: Caller = ADMIN, **units: int) -> Any:
    items = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
    return shop.create_shipment(order_id=order["id"], caller=caller, items=items)


def cancel(shop: Shop, order: dict[str, Any], caller: Caller = ADMIN, **units: int) -> dict[str, Any]:
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()]
    return dict(shop.cancel(order_id=order["id"], caller=caller, lines=lines or None, reason="changed my mind"))


def moved(shop: Shop, shipment: Any, status: str) -> None:
    shop.service.shipment_was_moved(
        ShipmentMoved(shipment_id=shipment.id, order_id=shipment.order_id, status=status, location=None, message=None)
    )


def units(reply: dict[str, Any], field: str) -> dict[str, int]:
    return {item["sku"]: item[field] for item in reply["items"]}


def test_order_follows_its_shipments(shop: Shop, order: dict[str, Any]) -> None:
    first = ship(shop, order, POTTER)
    part = shop.get_order(order_id=order["id"], caller=ADMIN)
    second, third = ship(shop, order, SMITH, LAMP=1), ship(shop, order, SMITH)
    shipped = shop.get_order(order_id=order["id"], caller=ADMIN)
    moved(shop, first, "delivered")
    moved(shop, second, "delivered")
    not_yet = shop.now(order["id"]).status
    moved(shop, third, "in_transit")
    moved(shop, third, "delivered")
    moved(shop, third, "delivered")

    assert (part["status"], units(part, "shipped")) == ("processing", {"MUG": 3, "LAMP": 0})
    assert (shipped["status"], units(shipped, "shipped")) == ("shipped", {"MUG": 3, "LAMP": 2})
    assert [item["items"] for item in shipped["shipments"]] == [
        [{"sku": "MUG", "quantity": 3}],
        [{"sku": "LAMP", "quantity": 1}],
        [{"sku": "LAMP", "quantity": 1}],
    ]
    assert not_yet == "shipped"
    assert shop.now(order["id"]).status == "delivered"
    assert [event.type for event in shop.events(order["id"])].count("order_delivered") == 1


@pytest.mark.parametrize("final", ["returned", "lost"])
def test_older_event_of_a_shipment_changes_nothing(shop: Shop, order: dict[str, Any], final: str) -> None:
    shipment = ship(shop, order)
    moved(shop, shipment, final)
    before = shop.now(order["id"])

    moved(shop, shipment, "delivered")
    moved(shop, shipment, final)

    assert shop.now(order["id"]) == before
    assert [item.status for item in before.shipments] == [final]


def test_parcels_hold_no_more_than_was_ordered(shop: Shop, order: dict[str, Any]) -> None:
    ship(shop, order, POTTER, MUG=2)

    with pytest.raises(InvalidState) as refused:
        ship(shop, order, POTTER, MUG=2)

    assert refused.value.details == [
        {"field": "items.0.quantity", "message": "is more than the 1 left to ship", "sku": "MUG", "left": 1}
    ]
    with pytest.raises(InvalidState):
        ship(shop, order, MUG=4)
    ship(shop, order, POTTER, MUG=1)
    with pytest.raises(InvalidState):
        ship(shop, order, POTTER)
    assert units(shop.get_order(order_id=order["id"], caller=ADMIN), "shipped") == {"MUG": 3, "LAMP": 0}


def test_concurrent_shipments_share_the_units(shop: Shop, order: dict[str, Any]) -> None:
    outcomes = run_concurrently(6, lambda _: ship(shop, order, MUG=1).status)

    assert sorted(outcomes) == ["INVALID_STATE"] * 3 + ["created"] * 3
    assert len(shop.shipping.shipments) == 3


def test_cancelling_leaves_what_was_shipped(shop: Shop, order: dict[str, Any]) -> None:
    ship(shop, order, POTTER, MUG=2)

    reply = cancel(shop, order)

    assert (reply["status"], units(reply, "cancelled")) == ("shipped", {"MUG": 1, "LAMP": 2})
    assert shop.inventory.stock == {"MUG": 8, "LAMP": 10}
    assert reply["payment"]["status"] == "partially_refunded"
    # two of three mugs stay paid: 2 x 10.00, their tax 2.00, and 2/7 of the shipping of 5.00, rounded in their favour
    assert shop.payments.charged(reply["payment"]["id"]) == 2000 + 200 + 143
    with pytest.raises(InvalidState):
        cancel(shop, order)


def test_cancelled_units_are_not_shipped(shop: Shop, order: dict[str, Any]) -> None:
    reply = cancel(shop, order, LAMP=2)

    with pytest.raises(InvalidState):
        ship(shop, order, LAMP=1)
    ship(shop, order)

    assert units(reply, "cancelled") == {"MUG": 0, "LAMP": 2}
    final = shop.get_order(order_id=order["id"], caller=ADMIN)
    assert (final["status"], units(final, "shipped")) == ("shipped", {"MUG": 3, "LAMP": 0})


def test_vendor_cancels_own_lines_only(shop: Shop, order: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        cancel(shop, order, POTTER, LAMP=1)
    reply = cancel(shop, order, POTTER)

    assert refused.value.details == [{"field": "lines.0.sku", "message": "is not in this order"}]
    assert (reply["status"], units(reply, "cancelled")) == ("confirmed", {"MUG": 3})
    assert shop.inventory.stock == {"MUG": 10, "LAMP": 8}
    assert shop.payments.charged(order["payment"]["id"]) == 4000 + 400 + 286
    with pytest.raises(NotFound):
        cancel(shop, order, Caller(user_id=new_id(), roles=["VENDOR"]))
    with pytest.raises(InvalidState):
        cancel(shop, order, POTTER)


def test_order_ends_when_all_lines_are_cancelled(shop: Shop, order: dict[str, Any]) -> None:
    for caller in (POTTER, SMITH):
        cancel(shop, order, caller)

    reply = shop.get_order(order_id=order["id"], caller=ADMIN)
    assert (reply["status"], reply["payment"]["status"]) == ("cancelled", "refunded")
    assert shop.payments.charged(reply["payment"]["id"]) == 0
    assert shop.inventory.stock == {"MUG": 10, "LAMP": 10}


def test_unpaid_order_is_cancelled_as_a_whole(shop: Shop) -> None:
    shop.to_inventory.faults = ["down"]
    order = shop.order()

    with pytest.raises(InvalidState):
        cancel(shop, order, MUG=1, LAMP=1)
    assert cancel(shop, order, MUG=1)["status"] == "cancelled", "it is all that was ordered"


def test_repeated_cancellation_of_lines_is_made_once(shop: Shop, order: dict[str, Any]) -> None:
    key = {"owner": "user:boss", "key": "a-key", "fingerprint": "same"}
    lines = [{"sku": "MUG", "quantity": 1}]

    replies = [
        shop.cancel(order_id=order["id"], caller=ADMIN, lines=lines, reason=None, idempotency=key) for _ in range(3)
    ]

    assert {units(reply, "cancelled")["MUG"] for reply in replies} == {1}
    assert shop.inventory.stock == {"MUG": 8, "LAMP": 8}


def test_concurrent_cancellations_refund_each_unit_once(shop: Shop, order: dict[str, Any]) -> None:
    def cancel_one(index: int) -> str:
        return str(cancel(shop, order, MUG=1)["status"]) if index % 2 else str(cancel(shop, order, LAMP=1)["status"])

    outcomes = run_concurrently(8, cancel_one)
    shop.resume()

    assert set(outcomes) <= {"confirmed", "cancelled", "INVALID_STATE"}
    assert shop.now(order["id"]).status == "cancelled"
    assert shop.payments.charged(order["payment"]["id"]) == 0
    assert shop.inventory.stock == {"MUG": 10, "LAMP": 10}


@pytest.mark.parametrize("fault", ["down", "lost", "dies_before", "dies_after"])
@pytest.mark.parametrize("dependency", ["to_payments", "to_inventory"])
def test_interrupted_line_cancellation_is_finished(
    shop: Shop, order: dict[str, Any], dependency: str, fault: str
) -> None:
    getattr(shop, dependency).faults = [fault]

    try:
        cancel(shop, order, MUG=1)
    except SimulatedCrash:
        assert fault.startswith("dies")
    shop.resume()

    final = shop.now(order["id"])
    assert [item.status for item in final.cancellations] == ["done"]
    assert shop.payments.payments[final.placed.payment_id]["refunded"] == 1000 + 100 + 71
    assert shop.inventory.stock == {"MUG": 8, "LAMP": 8}


def test_cancelled_lines_are_refunded_with_their_parts(shop: Shop, order: dict[str, Any]) -> None:
    for units in ({"MUG": 1}, {"MUG": 1}, {"LAMP": 1}):
        cancel(shop, order, **units)
    shop.resume()

    parts = [(part["goods"], part["tax"], part["shipping"]) for part in shop.payments.refund_parts.values()]
    assert parts == [(1000, 100, 71), (1000, 100, 71), (2000, 200, 143)]
    vendors = [part["vendors"] for part in shop.payments.refund_parts.values()]
    assert vendors == [{POTTER.user_id: 1000}, {POTTER.user_id: 1000}, {SMITH.user_id: 2000}]
    assert shop.payments.vendors[order["payment"]["id"]] == {POTTER.user_id: 3000, SMITH.user_id: 4000}


def test_shipment_recorded_before_a_crash_is_created(shop: Shop, order: dict[str, Any]) -> None:
    def crash(**_: Any) -> None:
        raise SimulatedCrash

    create, shop.shipping.create_shipment = shop.shipping.create_shipment, crash  # type: ignore[method-assign,assignment]
    with pytest.raises(SimulatedCrash):
        ship(shop, order)
    shop.shipping.create_shipment = create  # type: ignore[method-assign]

    with pytest.raises(InvalidState):
        cancel(shop, order)
    shop.resume()

    assert shop.now(order["id"]).status == "shipped"
    assert [parcel["items"] for parcel in shop.shipping.parcels] == [
        [{"sku": "MUG", "quantity": 3}, {"sku": "LAMP", "quantity": 2}]
    ]


def test_refused_shipment_leaves_its_units_to_ship(shop: Shop, order: dict[str, Any]) -> None:
    shop.shipping.refused_numbers = {"TAKEN-1"}

    with pytest.raises(Conflict):
        shop.set_status(order_id=order["id"], status="shipped", caller=ADMIN, tracking_number="TAKEN-1")

    assert shop.now(order["id"]).status == "confirmed"
    reply = shop.set_status(order_id=order["id"], status="shipped", caller=ADMIN, tracking_number="FREE-1")
    assert (reply["status"], reply["tracking_number"]) == ("shipped", "FREE-1")


def test_delivered_status_moves_the_shipments(shop: Shop, order: dict[str, Any]) -> None:
    ship(shop, order, POTTER)
    ship(shop, order, SMITH)

    reply = shop.set_status(order_id=order["id"], status="delivered", caller=ADMIN)

    assert reply["status"] == "delivered"
    assert {shipment["status"] for shipment in shop.shipping.shipments.values()} == {"delivered"}


def test_repeated_shipment_key_makes_one_shipment(shop: Shop, order: dict[str, Any]) -> None:
    key = {"owner": "user:boss", "key": "ship-it", "fingerprint": "same"}
    items = [{"sku": "MUG", "quantity": 1}]

    replies = [shop.create_shipment(order_id=order["id"], caller=ADMIN, items=items, idempotency=key) for _ in range(2)]

    assert replies[0].id == replies[1].id
    assert len(shop.shipping.shipments) == 1


def test_number_of_another_vendors_shipment_is_taken(shop: Shop, order: dict[str, Any]) -> None:
    items = [{"sku": "MUG", "quantity": 1}]
    first = shop.create_shipment(order_id=order["id"], caller=POTTER, items=items, tracking_number="TRACK-1")

    refused = run_concurrently(
        3,
        lambda index: shop.create_shipment(
            order_id=order["id"],
            caller=(SMITH, ADMIN, POTTER)[index],
            items=[{"sku": "LAMP" if index == 0 else "MUG", "quantity": 2}],
            tracking_number="TRACK-1",
        ),
    )
    again = shop.create_shipment(order_id=order["id"], caller=POTTER, items=items, tracking_number="TRACK-1")

    assert refused == ["CONFLICT"] * 3
    assert again.id == first.id
    assert [shipment.status for shipment in shop.now(order["id"]).shipments] == ["created"]


def test_concurrent_twins_of_a_shipment_make_one(shop: Shop, order: dict[str, Any]) -> None:
    key = {"owner": "user:boss", "key": "ship-it", "fingerprint": "same"}
    items = [{"sku": "MUG", "quantity": 1}]

    outcomes = run_concurrently(
        8, lambda _: shop.create_shipment(order_id=order["id"], caller=ADMIN, items=items, idempotency=key).id
    )

    assert len(set(outcomes)) == 1
    assert len(shop.shipping.shipments) == 1


def test_returned_shipments_return_the_order(shop: Shop, order: dict[str, Any]) -> None:
    shipment = ship(shop, order)

    moved(shop, shipment, "returned")

    assert shop.now(order["id"]).status == "returned"
