"""Committing the stock of confirmed orders in batches."""

from datetime import timedelta

import pytest

from services.chassis.common.errors import NotFound
from services.inventory.store.levels import Levels
from tests.service.inventory.conftest import LATER, NOW, UNTIL, Shop
from tests.service.inventory.test_interleavings import SimulatedCrash, between, crash


def commit(shop: Shop, *order_ids: str) -> None:
    shop.store.reservations.commit_confirmed(order_ids, NOW, UNTIL)


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


def test_expired_units_of_a_confirmed_order_are_taken_again(shop: Shop) -> None:
    shop.stock(MUG=1)
    shop.reserve("one", MUG=1)
    shop.sweep()

    commit(shop, "one")

    assert shop.level("MUG") == (0, 0, 0)


def test_overdue_order_is_asked_about_and_stays_held(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)
    shop.reserve("sold", MUG=1)
    shop.commit("sold")

    counts = [shop.store.expiry.ask(LATER, LATER + timedelta(minutes=2)) for _ in range(2)]
    shop.store.expiry.end_stale_holds(LATER)

    assert counts == [1, 0]
    assert shop.level("MUG") == (4, 1, 3)
    events = [entry["event"] for entry in shop.store.db["outbox"].find({"event.subject": "one"})]
    assert [event["type"] for event in events] == ["reservation_overdue"]
    assert shop.store.expiry.ask(LATER + timedelta(minutes=3), LATER + timedelta(minutes=5)) == 1


def test_interrupted_question_leaves_the_hold_to_the_next_sweep(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)
    with between(Levels, "extend", crash), pytest.raises(SimulatedCrash):
        shop.store.expiry.ask(LATER, LATER + timedelta(minutes=2))

    for _ in range(2):
        shop.store.expiry.end_stale_holds(LATER)

    assert shop.level("MUG") == (5, 1, 4)
    assert shop.store.levels.stale_holds(LATER, 10) == []


def test_interrupted_batch_is_finished_when_repeated(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve("one", MUG=1)
    shop.reserve("two", MUG=1)
    with between(Levels, "sell_all", crash), pytest.raises(SimulatedCrash):
        commit(shop, "one", "two")
    assert shop.level("MUG") == (5, 2, 3)

    commit(shop, "one", "two")

    assert shop.level("MUG") == (3, 0, 3)
