"""Returned lines of committed orders, and the retention of reservations that have ended."""

from datetime import timedelta

import pytest

from services.chassis.common.errors import Conflict, InvalidState, NotFound
from services.chassis.common.ids import new_id
from services.inventory.store.levels import Levels
from tests.service.inventory.conftest import LATER, NOW, Shop
from tests.service.inventory.test_interleavings import SimulatedCrash, between, crash

ORDER = "0197a000-0000-7000-8000-000000000003"
FIRST, SECOND = "0197a000-0000-7000-8000-000000000011", "0197a000-0000-7000-8000-000000000012"


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """2 of 5 lamps and 3 of 10 mugs are sold to the order."""
    shop.stock(LAMP=5, MUG=10)
    shop.reserve(ORDER, LAMP=2, MUG=3)
    shop.commit(ORDER)
    return shop


def test_returned_line_is_available_again(sold: Shop) -> None:
    reply = sold.return_lines(ORDER, FIRST, MUG=2)

    assert reply == {"order_id": ORDER, "status": "committed", "expires_at": None}
    assert (sold.level("LAMP"), sold.level("MUG")) == ((3, 0, 3), (9, 0, 9))
    event = sold.store.db["levels"].find_one({"_id": "MUG"})["outbox"][-1]
    assert (event["type"], event["data"]["reason"]) == ("stock_changed", "released")
    assert (event["data"]["order_id"], event["data"]["delta"]) == (ORDER, 2)


def test_repeated_return_changes_nothing(sold: Shop) -> None:
    first = sold.return_lines(ORDER, FIRST, LAMP=1, MUG=2)

    assert sold.return_lines(ORDER, FIRST, MUG=2, LAMP=1) == first

    assert (sold.level("LAMP"), sold.level("MUG")) == ((4, 0, 4), (9, 0, 9))


def test_other_lines_under_one_return_id_conflict(sold: Shop) -> None:
    sold.return_lines(ORDER, FIRST, MUG=2)

    with pytest.raises(Conflict):
        sold.return_lines(ORDER, FIRST, MUG=1)
    assert sold.level("MUG") == (9, 0, 9)


@pytest.mark.parametrize(("sku", "quantity", "returnable"), [("MUG", 2, 1), ("GHOST", 1, 0)])
def test_more_than_sold_is_not_returned(sold: Shop, sku: str, quantity: int, returnable: int) -> None:
    sold.return_lines(ORDER, FIRST, MUG=2)

    with pytest.raises(InvalidState) as refused:
        sold.return_lines(ORDER, SECOND, LAMP=1, **{sku: quantity})

    assert refused.value.details == [{"sku": sku, "requested": quantity, "returnable": returnable}]
    assert (sold.level("LAMP"), sold.level("MUG")) == ((3, 0, 3), (9, 0, 9))


def test_release_returns_what_is_left(sold: Shop) -> None:
    sold.return_lines(ORDER, FIRST, MUG=2)
    sold.return_lines(ORDER, SECOND, LAMP=2)

    assert sold.release(ORDER)["status"] == "released"
    sold.release(ORDER)

    assert (sold.level("LAMP"), sold.level("MUG")) == ((5, 0, 5), (10, 0, 10))


def test_return_after_release_is_refused_unless_repeated(sold: Shop) -> None:
    sold.return_lines(ORDER, FIRST, MUG=2)
    sold.release(ORDER)

    assert sold.return_lines(ORDER, FIRST, MUG=2)["status"] == "released"
    with pytest.raises(InvalidState):
        sold.return_lines(ORDER, SECOND, MUG=1)
    assert sold.level("MUG") == (10, 0, 10)


def test_return_of_uncommitted_order_is_refused(shop: Shop) -> None:
    shop.stock(MUG=10)
    with pytest.raises(NotFound):
        shop.return_lines(ORDER, FIRST, MUG=1)
    shop.reserve(ORDER, MUG=3)

    with pytest.raises(InvalidState):
        shop.return_lines(ORDER, FIRST, MUG=1)
    assert shop.level("MUG") == (10, 3, 7)


def test_units_return_to_their_warehouses(shop: Shop) -> None:
    shop.store.warehouses.put("near", {"name": "Near", "priority": 1, "country": None})
    shop.stock("main", MUG=3)
    shop.stock("near", MUG=2)
    shop.reserve(ORDER, MUG=4)
    shop.commit(ORDER)

    shop.return_lines(ORDER, FIRST, MUG=3)
    assert [entry["on_hand"] for entry in shop.store.counts.get("MUG")["warehouses"]] == [2, 2]

    shop.release(ORDER)
    assert [entry["on_hand"] for entry in shop.store.counts.get("MUG")["warehouses"]] == [2, 3]


def test_interrupted_return_is_repeatable(sold: Shop) -> None:
    with between(Levels, "return_units", crash, after=True), pytest.raises(SimulatedCrash):
        sold.return_lines(ORDER, FIRST, LAMP=1, MUG=1)
    assert (sold.level("LAMP"), sold.level("MUG")) == ((3, 0, 3), (7, 0, 7))

    sold.return_lines(ORDER, FIRST, LAMP=1, MUG=1)

    assert (sold.level("LAMP"), sold.level("MUG")) == ((4, 0, 4), (8, 0, 8))


def test_return_before_deduction_deducts_the_rest(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)

    with between(Levels, "sell", lambda: shop.return_lines(ORDER, FIRST, MUG=1)):
        shop.commit(ORDER)

    assert shop.level("MUG") == (8, 0, 8)


def test_old_ended_reservations_are_deleted(shop: Shop) -> None:
    shop.stock(MUG=10)
    released, held, recent = new_id(), new_id(), new_id()
    for order in (ORDER, released, held, recent):
        shop.reserve(order, MUG=1)
    shop.commit(ORDER)
    shop.release(released)
    shop.commit(recent, at=LATER)

    assert shop.store.expiry.prune(NOW) == 2

    assert {each["_id"] for each in shop.store.db["reservations"].find()} == {held, recent}
    assert shop.store.expiry.prune(NOW) == 0


def test_reservation_with_a_hold_is_not_deleted(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=1)
    with between(Levels, "sell", crash), pytest.raises(SimulatedCrash):
        shop.commit(ORDER)

    assert shop.store.expiry.prune(LATER) == 0
    shop.sweep()
    assert shop.store.expiry.prune(LATER) == 1
    assert shop.level("MUG") == (9, 0, 9)


def test_reservations_without_a_date_get_one(shop: Shop) -> None:
    earlier = NOW - timedelta(days=100)
    undated = {"status": "released", "reason": "expired", "token": "t", "lines": [], "expires_at": None, "revision": 2}
    shop.store.db["reservations"].insert_many(
        [
            {"_id": "old", **undated, "created_at": earlier},
            {"_id": "new", **undated, "created_at": earlier, "ended_at": NOW},
        ]
    )

    shop.store.seed()

    assert shop.store.expiry.prune(NOW - timedelta(days=90)) == 1
    assert [each["_id"] for each in shop.store.db["reservations"].find()] == ["new"]
