"""Adjustments, initial levels, low stock, warehouses, and their events."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.base import Idempotency
from services.chassis.common.errors import Conflict, IdempotencyKeyReused, NotFound, OutOfStock
from services.chassis.common.ids import new_id
from services.chassis.common.paging import Paging
from tests.service.inventory.conftest import NOW, Shop


def test_first_adjustment_creates_the_level(shop: Shop) -> None:
    level = shop.store.adjust("MUG", 7, "delivery", None, 5, None)

    assert level == {
        "sku": "MUG",
        "on_hand": 7,
        "reserved": 0,
        "available": 7,
        "warehouses": [{"warehouse": "main", "on_hand": 7, "reserved": 0, "available": 7}],
        "low_stock_threshold": 5,
        "version": 1,
    }
    assert shop.store.counts.get("MUG") == level


def test_adjustment_cannot_take_reserved_units(shop: Shop) -> None:
    shop.stock(MUG=5)
    shop.reserve(new_id(), MUG=3)

    with pytest.raises(OutOfStock) as refused:
        shop.store.adjust("MUG", -3, "broken", None, 5, None)

    assert refused.value.details == [{"sku": "MUG", "requested": 3, "available": 2}]
    assert shop.level("MUG") == (5, 3, 2)


def test_unknown_sku_cannot_be_reduced(shop: Shop) -> None:
    with pytest.raises(OutOfStock):
        shop.store.adjust("GHOST", -1, "lost", None, 5, None)
    with pytest.raises(NotFound):
        shop.store.counts.get("GHOST")


def test_adjust_with_key_runs_once_from_sixteen_threads(shop: Shop) -> None:
    shop.stock(MUG=5)
    key = Idempotency(owner="admin", key="k1", fingerprint="f1")

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: shop.store.adjust("MUG", 2, "found", None, 5, key), range(16)))

    assert all(reply == replies[0] for reply in replies)
    assert shop.level("MUG") == (7, 0, 7)
    with pytest.raises(IdempotencyKeyReused):
        shop.store.adjust("MUG", 3, "found", None, 5, key.model_copy(update={"fingerprint": "f2"}))


def test_initial_levels_do_not_change_existing_ones(shop: Shop) -> None:
    shop.stock(MUG=5)

    initial_levels = [{"sku": "MUG", "on_hand": 99}, {"sku": "LAMP", "on_hand": 3, "low_stock_threshold": 1}]
    assert shop.store.set_initial(initial_levels, 5) == 1
    assert shop.store.set_initial(initial_levels, 5) == 0

    assert shop.level("MUG") == (5, 0, 5)
    assert shop.level("LAMP") == (3, 0, 3)
    assert shop.published_events("LAMP") == [("stock_changed", "initial")]


def test_low_stock_is_published_once_each_time_it_happens(shop: Shop) -> None:
    shop.stock(MUG=8)
    for _ in range(5):
        shop.reserve(new_id(), MUG=1)
    shop.stock(MUG=5)
    shop.store.adjust("MUG", -4, "broken", None, 5, None)

    assert [event for event in shop.published_events("MUG") if event[0] == "low_stock"] == [
        ("low_stock", 5),
        ("low_stock", 4),
    ]


def test_low_stock_is_listed_lowest_first(shop: Shop) -> None:
    shop.stock(LAMP=2, MUG=5, CUP=1, POT=6)

    low = shop.store.counts.list_low(Paging(1, 2))

    assert [(item["sku"], item["available"]) for item in low["items"]] == [("CUP", 1), ("LAMP", 2)]
    assert low["total"] == 3


def test_stock_changed_event_has_the_resulting_level(shop: Shop) -> None:
    shop.stock(MUG=8)
    order = new_id()
    shop.reserve(order, MUG=3)

    document = shop.store.db["levels"].find_one({"_id": "MUG"}) or {}
    [_, event] = [event for event in document["outbox"] if event["type"] == "stock_changed"]

    assert event["subject"] == "MUG"
    assert int(event["sequence"]) == document["version"] == 2
    assert event["data"] == {
        "sku": "MUG",
        "on_hand": 8,
        "reserved": 3,
        "available": 5,
        "reason": "reserved",
        "order_id": order,
        "delta": -3,
        "note": None,
    }


def test_used_and_last_warehouse_cannot_be_deleted(shop: Shop) -> None:
    with pytest.raises(Conflict):
        shop.store.warehouses.delete("main")
    shop.store.warehouses.put("north", {"name": "North", "priority": 50, "country": "NO"})
    shop.stock("north", MUG=1)
    with pytest.raises(Conflict):
        shop.store.warehouses.delete("north")
    shop.store.adjust("MUG", -1, "moved", "north", 5, None)
    shop.store.warehouses.delete("north")

    assert [warehouse["code"] for warehouse in shop.store.warehouses.all()] == ["main"]
    with pytest.raises(NotFound):
        shop.stock("north", MUG=1)


@pytest.mark.parametrize(
    ("collection", "condition"),
    [
        ("levels", {"holds.order_id": "x"}),
        ("levels", {"holds.until": {"$lte": NOW}}),
        ("levels", {"low": True, "available": {"$gte": 0}}),
        ("levels", {"warehouses.warehouse": "main"}),
        ("levels", {"warehouses": {"$elemMatch": {"warehouse": "main", "on_hand": {"$gt": 0}}}}),
        ("reservations", {"status": "held", "expires_at": {"$lte": NOW}}),
        ("reservations", {"status": {"$in": ["committed", "released"]}, "changed_at": {"$lte": NOW}}),
        ("reservations", {"changed_at": None}),
    ],
)
def test_periodic_queries_use_an_index(shop: Shop, collection: str, condition: dict[str, object]) -> None:
    shop.stock(MUG=1)

    plan = shop.store.db[collection].find(condition).explain()["queryPlanner"]["winningPlan"]

    assert "COLLSCAN" not in str(plan)
