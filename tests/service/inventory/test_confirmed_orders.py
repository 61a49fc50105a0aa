"""Committing the stock of confirmed orders in batches."""

import pytest

from services.chassis.common.errors import InvalidState, NotFound
from services.inventory.store.levels import Levels
from tests.service.inventory.conftest import NOW, Shop
from tests.service.inventory.test_interleavings import SimulatedCrash, between, crash


def commit(shop: Shop, *order_ids: str) -> None:
    shop.store.reservations.commit_confirmed(order_ids, NOW)


def test_stock_of_all_confirmed_orders_is_committed(shop: Shop) -> None:
    shop.stock(LAMP=5, MUG=9)
    shop.reserve("one", LAMP=1, MUG=2)
    shop.reserve("two", MUG=3)
    shop.reserve("unpaid", MUG=1)

    for _ in range(2):  # the second time they come again
        commit(shop, "one", "two")

    assert (shop.level("LAMP"), shop.level("MUG")) == ((4, 0, 4), (4, 1, 3))
    assert shop.published_events("MUG")[-2:] == [("stock_committed", 3)] * 2


def test_cancelled_order_gets_its_units_back_once(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("early", MUG=1)
    shop.reserve("late", MUG=1)
    shop.release("early")
    commit(shop, "early", "late")
    shop.release("late")

    commit(shop, "early", "late")

    assert shop.level("MUG") == (5, 0, 5)


def test_missing_reservation_is_an_error_of_its_order_alone(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)

    with pytest.raises(NotFound) as refused:
        commit(shop, "nowhere", "one")

    assert refused.value.details == [{"order_id": "nowhere"}]
    assert shop.level("MUG") == (4, 0, 4)


def test_expired_reservation_of_a_confirmed_order_is_an_error(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)
    shop.sweep()

    with pytest.raises(InvalidState):
        commit(shop, "one")

    assert shop.level("MUG") == (5, 0, 5)


def test_interrupted_batch_is_finished_when_repeated(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)
    shop.reserve("two", MUG=1)
    with between(Levels, "sell_all", crash), pytest.raises(SimulatedCrash):
        commit(shop, "one", "two")
    assert shop.level("MUG") == (5, 2, 3)

    commit(shop, "one", "two")

    assert shop.level("MUG") == (3, 0, 3)
