"""Reservations: all or nothing, idempotent, final; expiry, warehouses, concurrency."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.chassis.common.errors import Conflict, InvalidState, NotFound, OutOfStock
from services.chassis.common.ids import new_id
from tests.service.inventory.conftest import LATER, NOW, Shop

ORDER = "0197a000-0000-7000-8000-000000000001"


def test_held_units_are_reserved_and_committed_ones_removed(shop: Shop) -> None:
    shop.stock(MUG=10)

    held = shop.reserve(ORDER, MUG=3)
    assert held == {"order_id": ORDER, "status": "held", "expires_at": "2026-05-04T12:15:00Z"}
    assert shop.level("MUG") == (10, 3, 7)

    assert shop.commit(ORDER)["status"] == "committed"
    assert shop.level("MUG") == (7, 0, 7)


def test_reserve_is_all_or_nothing(shop: Shop) -> None:
    shop.stock(LAMP=1, MUG=5)

    with pytest.raises(OutOfStock) as refused:
        shop.reserve(ORDER, LAMP=1, MUG=6)

    assert refused.value.details == [{"sku": "MUG", "requested": 6, "available": 5}]
    assert shop.level("LAMP") == (1, 0, 1)
    assert shop.level("MUG") == (5, 0, 5)


def test_unknown_sku_is_out_of_stock(shop: Shop) -> None:
    with pytest.raises(OutOfStock) as refused:
        shop.reserve(ORDER, GHOST=1)

    assert refused.value.details == [{"sku": "GHOST", "requested": 1, "available": 0}]


@pytest.mark.parametrize("step", ["reserve", "commit", "release"])
def test_repeated_step_changes_nothing(shop: Shop, step: str) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    steps: dict[str, Callable[[], Any]] = {
        "reserve": lambda: shop.reserve(ORDER, MUG=3),
        "commit": lambda: shop.commit(ORDER),
        "release": lambda: shop.release(ORDER),
    }

    first = steps[step]()
    level = shop.level("MUG")

    assert steps[step]() == first
    assert shop.level("MUG") == level


def test_release_of_a_sold_order_returns_its_units_once(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    shop.commit(ORDER)

    assert shop.release(ORDER)["status"] == "released"
    shop.release(ORDER)

    assert shop.level("MUG") == (10, 0, 10)
    with pytest.raises(InvalidState):
        shop.commit(ORDER)


def test_late_reserve_of_released_order_takes_no_stock(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)
    shop.release(ORDER)

    with pytest.raises(InvalidState):
        shop.reserve(ORDER, MUG=3)

    assert shop.level("MUG") == (10, 0, 10)


def test_late_reserve_of_sold_order_takes_no_stock(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)
    shop.commit(ORDER)

    assert shop.reserve(ORDER, MUG=3)["status"] == "committed"
    assert shop.level("MUG") == (0, 0, 0)


def test_release_before_reserve_prevents_it(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.release(ORDER)

    with pytest.raises(InvalidState):
        shop.reserve(ORDER, MUG=1)
    assert shop.level("MUG") == (10, 0, 10)


def test_other_lines_of_the_same_order_are_refused(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)

    with pytest.raises(Conflict):
        shop.reserve(ORDER, MUG=4)
    assert shop.level("MUG") == (10, 3, 7)


def test_commit_without_reservation_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.commit(ORDER)


def test_hold_expires(shop: Shop) -> None:
    shop.stock(MUG=10)
    shop.reserve(ORDER, MUG=3)

    assert shop.sweep(NOW) == 0
    assert shop.sweep(LATER) == 1
    assert shop.sweep(LATER) == 0

    assert shop.level("MUG") == (10, 0, 10)
    assert shop.published_events("MUG")[-1] == ("stock_changed", "expired")


def test_commit_after_expiry_takes_available_units(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()

    assert shop.commit(ORDER, at=LATER)["status"] == "committed"
    assert shop.commit(ORDER, at=LATER)["status"] == "committed"

    assert shop.level("MUG") == (0, 0, 0)


def test_commit_after_expiry_fails_when_stock_is_sold(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()
    shop.reserve(new_id(), MUG=1)

    with pytest.raises(OutOfStock):
        shop.commit(ORDER, at=LATER)

    assert shop.level("MUG") == (3, 1, 2)


def test_commit_after_expiry_and_release_is_refused(shop: Shop) -> None:
    shop.stock(MUG=3)
    shop.reserve(ORDER, MUG=3)
    shop.sweep()
    shop.release(ORDER)

    with pytest.raises(InvalidState):
        shop.commit(ORDER, at=LATER)
    assert shop.level("MUG") == (3, 0, 3)


def test_order_is_split_between_warehouses(shop: Shop) -> None:
    shop.store.warehouses.put("near", {"name": "Near", "priority": 1, "country": "DE"})
    shop.stock("main", MUG=3)
    shop.stock("near", MUG=2)

    shop.reserve(ORDER, MUG=4)
    shop.commit(ORDER)
    by_warehouse = {entry["warehouse"]: entry["on_hand"] for entry in shop.store.counts.get("MUG")["warehouses"]}
    assert by_warehouse == {"near": 0, "main": 1}

    shop.release(ORDER)
    by_warehouse = {entry["warehouse"]: entry["on_hand"] for entry in shop.store.counts.get("MUG")["warehouses"]}
    assert by_warehouse == {"near": 2, "main": 3}


def test_first_warehouse_with_the_whole_quantity_is_used(shop: Shop) -> None:
    shop.store.warehouses.put("near", {"name": "Near", "priority": 1, "country": None})
    shop.stock("main", MUG=5)
    shop.stock("near", MUG=5)

    shop.reserve(ORDER, MUG=2)

    assert [entry["reserved"] for entry in shop.store.counts.get("MUG")["warehouses"]] == [2, 0]
    shop.store.warehouses.put("main", {"name": "Main", "priority": 0, "country": None})
    shop.reserve(new_id(), MUG=1)
    assert [entry["warehouse"] for entry in shop.store.counts.get("MUG")["warehouses"]] == ["main", "near"]
    assert [entry["reserved"] for entry in shop.store.counts.get("MUG")["warehouses"]] == [1, 2]


def test_concurrent_orders_reserve_exactly_fifty_units(shop: Shop) -> None:
    shop.stock(MUG=50)

    def attempt(order_id: str) -> str:
        try:
            shop.reserve(order_id, MUG=1)
        except OutOfStock:
            return "refused"
        shop.commit(order_id)
        return "sold"

    with ThreadPoolExecutor(24) as pool:
        outcomes = list(pool.map(attempt, [new_id() for _ in range(150)]))

    assert outcomes.count("sold") == 50
    assert shop.level("MUG") == (0, 0, 0)
    assert shop.store.db["reservations"].count_documents({"status": "committed"}) == 50
    assert shop.store.db["reservations"].count_documents({}) == 50


def test_concurrent_reserves_of_one_order_hold_once(shop: Shop) -> None:
    shop.stock(LAMP=40, MUG=40)

    def attempt(_: int) -> str:
        return str(shop.reserve(ORDER, LAMP=1, MUG=2)["status"])

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(attempt, range(16))) == {"held"}

    assert shop.level("MUG") == (40, 2, 38)
    assert shop.level("LAMP") == (40, 1, 39)
