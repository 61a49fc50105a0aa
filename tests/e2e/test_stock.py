"""Stock and warehouses, as administrators count them."""

from collections.abc import Iterator

import pytest

from tests.support.shop import Client, Shop, eventually, new_key


@pytest.fixture
def warehouse(shop: Shop) -> Iterator[str]:
    """A second place, emptied after the first."""
    code = f"w-{new_key()[:10]}"
    made = shop.admin("PUT", f"/inventory/warehouses/{code}", {"name": "Second", "priority": 900, "country": "DE"})
    assert made.data == {"code": code, "name": "Second", "priority": 900, "country": "DE"}
    yield code
    shop.admin("DELETE", f"/inventory/warehouses/{code}")


def test_stock_is_counted_by_warehouse(shop: Shop, warehouse: str) -> None:
    sku = shop.product(stock=3)
    main = shop.admin("GET", f"/inventory/{sku}").data["warehouses"][0]["warehouse"]

    level = shop.admin(
        "POST", f"/inventory/{sku}/adjust", {"delta": 4, "reason": "moved", "warehouse": warehouse}, key=new_key()
    )

    assert level.data["on_hand"] == 7
    there = {entry["warehouse"]: entry["on_hand"] for entry in level.data["warehouses"]}
    assert there == {main: 3, warehouse: 4}
    assert shop.admin("GET", f"/inventory/{sku}").data == level.data


def test_an_order_takes_from_several_warehouses(shop: Shop, warehouse: str) -> None:
    sku = shop.product(stock=1)
    shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": 2, "reason": "more", "warehouse": warehouse})
    guest = shop.guest()
    assert eventually(lambda: guest.add(sku, 3).status == 201)

    assert guest.order().status == 201

    level = shop.admin("GET", f"/inventory/{sku}").data
    assert [entry["on_hand"] for entry in level["warehouses"]] == [0, 0]
    assert level["available"] == 0


def test_no_more_is_taken_away_than_is_there(shop: Shop) -> None:
    sku = shop.product(stock=2)

    refused = shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": -3, "reason": "lost"}, key=new_key())

    assert (refused.status, refused.code) == (409, "OUT_OF_STOCK")
    assert refused.error["details"] == [{"sku": sku, "requested": 3, "available": 2}]
    assert shop.level(sku) == (2, 0, 2)


@pytest.mark.parametrize("delta", [0, 10_000_001, -10_000_001])
def test_a_count_that_is_a_slip_is_refused(shop: Shop, delta: int) -> None:
    sku = shop.product(stock=2)

    refused = shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": delta, "reason": "slip"}, key=new_key())

    assert (refused.status, refused.error["details"][0]["field"]) == (422, "delta")
    assert shop.level(sku) == (2, 0, 2)


def test_what_was_never_counted_or_is_nowhere_is_not_found(shop: Shop) -> None:
    sku = shop.product(stock=0)

    never = shop.admin("GET", f"/inventory/{sku}")
    nowhere = shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": 1, "reason": "x", "warehouse": "no-such-place"})

    assert (never.status, never.code) == (404, "NOT_FOUND")
    assert (nowhere.status, nowhere.code) == (404, "NOT_FOUND")


def test_what_runs_low_is_listed_the_scarcest_first(shop: Shop) -> None:
    scarce, low, plenty = shop.product(stock=0), shop.product(stock=4), shop.product(stock=50)
    adjusted = shop.admin("POST", f"/inventory/{scarce}/adjust", {"delta": 1, "reason": "found"}, key=new_key())
    assert adjusted.data["available"] == 1

    listed = all_low(shop.admin)

    skus = [row["sku"] for row in listed]
    assert plenty not in skus
    assert skus.index(scarce) < skus.index(low)
    assert [row["available"] for row in listed] == sorted(row["available"] for row in listed)
    assert {row["low_stock_threshold"] for row in listed if row["sku"] in (scarce, low)} == {5}


def all_low(client: Client) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number in range(1, 1000):
        page = client("GET", f"/inventory/low-stock?limit=100&page={number}")
        rows += page.data
        if len(rows) >= page.body["pagination"]["total"]:
            break
    return rows


def test_a_warehouse_with_stock_stays(shop: Shop, warehouse: str) -> None:
    sku = shop.product(stock=0)
    path = f"/inventory/{sku}/adjust"
    shop.admin("POST", path, {"delta": 1, "reason": "in", "warehouse": warehouse})

    refused = shop.admin("DELETE", f"/inventory/warehouses/{warehouse}")
    shop.admin("POST", path, {"delta": -1, "reason": "out", "warehouse": warehouse})
    removed = shop.admin("DELETE", f"/inventory/warehouses/{warehouse}")

    assert (refused.status, refused.code) == (409, "CONFLICT")
    assert removed.status == 200
    assert warehouse not in [row["code"] for row in shop.admin("GET", "/inventory/warehouses").data]
    assert shop.admin("DELETE", f"/inventory/warehouses/{warehouse}").status == 404


def test_new_stock_can_be_bought(shop: Shop) -> None:
    sku = shop.product(stock=0)
    guest = shop.guest()
    refused = guest.add(sku)
    assert (refused.status, refused.code) == (409, "OUT_OF_STOCK")

    shop.adjust(sku, 5)

    assert eventually(lambda: guest.add(sku).status == 201)
