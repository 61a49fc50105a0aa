"""Stock levels and warehouses over HTTP, as administrators manage them."""

from collections.abc import Iterator

import pytest

from tests.support.shop import Client, Shop, eventually, new_key


@pytest.fixture
def warehouse(shop: Shop) -> Iterator[str]:
    """A second warehouse, with the lowest priority."""
    code = f"w-{new_key()[:10]}"
    created = shop.admin("PUT", f"/inventory/warehouses/{code}", {"name": "Second", "priority": 900, "country": "DE"})
    assert created.data == {"code": code, "name": "Second", "priority": 900, "country": "DE", "version": 2}
    yield code
    shop.admin("DELETE", f"/inventory/warehouses/{code}")


def test_stock_is_counted_by_warehouse(shop: Shop, warehouse: str) -> None:
    sku = shop.product(stock=3)
    main = shop.admin("GET", f"/inventory/{sku}").data["warehouses"][0]["warehouse"]

    level = shop.admin(
        "POST", f"/inventory/{sku}/adjust", {"delta": 4, "reason": "moved", "warehouse": warehouse}, key=new_key()
    )

    assert level.data["on_hand"] == 7
    by_warehouse = {entry["warehouse"]: entry["on_hand"] for entry in level.data["warehouses"]}
    assert by_warehouse == {main: 3, warehouse: 4}
    assert shop.admin("GET", f"/inventory/{sku}").data == level.data


def test_order_takes_stock_from_several_warehouses(shop: Shop, warehouse: str) -> None:
    sku = shop.product(stock=1)
    shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": 2, "reason": "more", "warehouse": warehouse})
    guest = shop.guest()
    assert eventually(lambda: guest.add(sku, 3).status == 201)

    assert guest.order().status == 201

    assert shop.settled_level(sku) == (0, 0, 0)
    level = shop.admin("GET", f"/inventory/{sku}").data
    assert [entry["on_hand"] for entry in level["warehouses"]] == [0, 0]


def test_stock_cannot_become_negative(shop: Shop) -> None:
    sku = shop.product(stock=2)

    refused = shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": -3, "reason": "lost"}, key=new_key())

    assert (refused.status, refused.code) == (409, "OUT_OF_STOCK")
    assert refused.error["details"] == [{"sku": sku, "requested": 3, "available": 2}]
    assert shop.settled_level(sku) == (2, 0, 2)


@pytest.mark.parametrize("delta", [0, 10_000_001, -10_000_001])
def test_implausible_adjustment_is_refused(shop: Shop, delta: int) -> None:
    sku = shop.product(stock=2)

    refused = shop.admin("POST", f"/inventory/{sku}/adjust", {"delta": delta, "reason": "slip"}, key=new_key())

    assert (refused.status, refused.error["details"][0]["field"]) == (422, "delta")
    assert shop.settled_level(sku) == (2, 0, 2)


def test_unknown_sku_and_warehouse_are_not_found(shop: Shop) -> None:
    sku = shop.product(stock=0)

    unknown_sku = shop.admin("GET", f"/inventory/{sku}")
    unknown_warehouse = shop.admin(
        "POST", f"/inventory/{sku}/adjust", {"delta": 1, "reason": "x", "warehouse": "no-such-place"}
    )

    assert (unknown_sku.status, unknown_sku.code) == (404, "NOT_FOUND")
    assert (unknown_warehouse.status, unknown_warehouse.code) == (404, "NOT_FOUND")


def test_low_stock_is_listed_lowest_first(shop: Shop) -> None:
    lowest, low, sufficient = shop.product(stock=0), shop.product(stock=4), shop.product(stock=50)
    adjusted = shop.admin("POST", f"/inventory/{lowest}/adjust", {"delta": 1, "reason": "found"}, key=new_key())
    assert adjusted.data["available"] == 1

    listed = all_low_stock(shop.admin)

    skus = [row["sku"] for row in listed]
    assert sufficient not in skus
    assert skus.index(lowest) < skus.index(low)
    assert [row["available"] for row in listed] == sorted(row["available"] for row in listed)
    assert {row["low_stock_threshold"] for row in listed if row["sku"] in (lowest, low)} == {5}


def all_low_stock(client: Client) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number in range(1, 1000):
        page = client("GET", f"/inventory/low-stock?limit=100&page={number}")
        rows += page.data
        if len(rows) >= page.body["pagination"]["total"]:
            break
    return rows


def test_warehouse_with_stock_cannot_be_deleted(shop: Shop, warehouse: str) -> None:
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
