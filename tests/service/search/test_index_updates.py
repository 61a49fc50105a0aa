"""Index updates by late, duplicate, reordered and concurrent events."""

import itertools
import random
import threading
from collections.abc import Callable

import pytest

from services.chassis.common.ids import new_id
from tests.service.search.conftest import SearchIndex


def test_product_is_found_by_current_text(search_index: SearchIndex) -> None:
    product = search_index.add("Green lamp")

    search_index.put(search_index.snapshot("Blue lamp", id=product, version=2))

    assert search_index.titles("lamp") == ["Blue lamp"]
    assert search_index.titles("green") == []


def test_outdated_product_event_is_ignored(search_index: SearchIndex) -> None:
    product = search_index.add("Blue lamp", version=3)

    search_index.put(search_index.snapshot("Green lamp", id=product, version=2))
    search_index.put(search_index.snapshot("Green lamp", id=product, version=3))

    assert search_index.titles("lamp") == ["Blue lamp"]


def test_archived_product_stays_archived(search_index: SearchIndex) -> None:
    product = search_index.add("Blue lamp", version=3)

    search_index.store.writer.products([], {product: 4})
    search_index.put(search_index.snapshot("Blue lamp", id=product, version=3))

    assert search_index.titles("lamp") == []
    assert search_index.store.writer.stock([(f"SKU-{product[-6:]}", 5, 9)]) is None
    assert search_index.titles("lamp") == []


def test_drafts_and_archived_are_not_found(search_index: SearchIndex) -> None:
    search_index.add("Draft lamp", status="draft")
    search_index.add("Archived lamp", status="archived")

    assert search_index.titles("lamp") == []


def test_stock_before_its_product(search_index: SearchIndex) -> None:
    search_index.store.writer.stock([("MUG-1", 7, 3)])

    product = search_index.add("Mug", skus=["MUG-1"])

    assert search_index.in_stock(product)


def test_newest_level_counts_from_either_source(search_index: SearchIndex) -> None:
    product = search_index.add("Mug", skus=["MUG-2"], stock={"MUG-2": (5, 4)})
    assert search_index.in_stock(product)

    search_index.store.writer.stock([("MUG-2", 0, 6)])
    assert not search_index.in_stock(product)

    search_index.store.writer.stock([("MUG-2", 5, 5), ("MUG-2", 0, 6)])
    search_index.put(search_index.snapshot("Mug", id=product, version=2, skus=["MUG-2"], stock={"MUG-2": (5, 5)}))
    assert not search_index.in_stock(product)


def test_first_count_as_announced_is_not_indexed(search_index: SearchIndex) -> None:
    product = search_index.add("Mug", skus=["MUG-4"], stock={"MUG-4": (3, 0)})
    before = search_index.document(product)
    assert search_index.in_stock(product)

    search_index.change_stock("MUG-4", 1, 3, 3, "initial")

    assert search_index.document(product) == before
    search_index.change_stock("MUG-4", 2, 0, -3, "reserved")
    search_index.change_stock("MUG-4", 1, 3, 3, "initial")
    assert not search_index.in_stock(product)


def test_first_count_replaces_a_different_announcement(search_index: SearchIndex) -> None:
    product = search_index.add("Mug", skus=["MUG-5"], stock={"MUG-5": (3, 0)})

    search_index.change_stock("MUG-5", 1, 0, 0, "initial")

    assert not search_index.in_stock(product)


def test_unchanged_availability_is_not_indexed(search_index: SearchIndex) -> None:
    search_index.change_stock("MUG-3", 1, 3, 3, "initial")
    product = search_index.add("Mug", skus=["MUG-3"])
    before = search_index.document(product)

    search_index.change_stock("MUG-3", 2, 2, -1, "reserved")
    search_index.change_stock("MUG-3", 3, 1, -1, "reserved")
    search_index.change_stock("MUG-3", 4, 1, 0, "committed")

    assert search_index.document(product) == before
    assert search_index.in_stock(product)


def test_availability_changes_in_any_order(search_index: SearchIndex) -> None:
    product = search_index.add("Mug", skus=["MUG-4"], stock={"MUG-4": (2, 3)})

    search_index.change_stock("MUG-4", 5, 0, -1, "reserved")
    assert not search_index.in_stock(product)
    search_index.change_stock("MUG-4", 4, 1, -1, "reserved")
    assert not search_index.in_stock(product)

    search_index.change_stock("MUG-4", 6, 1, 1, "released")
    search_index.change_stock("MUG-4", 5, 0, -1, "reserved")
    assert search_index.in_stock(product)


def test_product_is_in_stock_by_any_sku(search_index: SearchIndex) -> None:
    product = search_index.add("Shirt", skus=["SHIRT-S", "SHIRT-L"], stock={"SHIRT-S": (0, 1), "SHIRT-L": (2, 1)})
    assert search_index.in_stock(product)

    search_index.put(search_index.snapshot("Shirt", id=product, version=2, skus=["SHIRT-S"]))

    assert not search_index.in_stock(product)


def test_newest_rating_and_sales_count(search_index: SearchIndex) -> None:
    product = search_index.add("Mug", rating={"average": 3.0, "count": 2})

    search_index.store.writer.ratings(product, 4.5, 10, 7)
    search_index.store.writer.ratings(product, 2.0, 9, 6)
    search_index.put(search_index.snapshot("Mug", id=product, version=2, rating={"average": 3.0, "count": 2}))
    search_index.store.writer.sales({product: 40}, 2_000)
    search_index.store.writer.sales({product: 10}, 1_000)

    document = search_index.document(product) or {}
    assert (document["rating"], document["rating_count"], document["units_30d"]) == (4.5, 10, 40)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_event_order_does_not_matter(search_index: SearchIndex, order: tuple[int, ...]) -> None:
    product, sku = new_id(), f"ANY-{random.random()}"
    updates: list[Callable[[], None]] = [
        lambda: search_index.put(search_index.snapshot("Old", id=product, version=1, skus=[sku])),
        lambda: search_index.put(search_index.snapshot("New", id=product, version=2, skus=[sku])),
        lambda: search_index.store.writer.stock([(sku, 4, 1)]),
        lambda: search_index.store.writer.stock([(sku, 0, 2)]),
    ]

    for index in (*order, *order[:2]):
        updates[index]()

    document = search_index.document(product) or {}
    assert (document["title"], document["levels"], document["in_stock"]) == ("New", {sku: [0, 2]}, False)


def test_concurrent_changes_are_all_indexed(search_index: SearchIndex) -> None:
    product, skus = new_id(), [f"RACE-{number}" for number in range(4)]
    updates: list[Callable[[], None]] = [
        lambda version=version: search_index.put(
            search_index.snapshot(f"V{version}", id=product, version=version, skus=skus)
        )  # type: ignore[misc]
        for version in range(1, 6)
    ]
    updates += [
        lambda sku=sku, number=number: search_index.store.writer.stock([(sku, number % 2, number)])  # type: ignore[misc]
        for sku in skus
        for number in range(1, 6)
    ]
    random.shuffle(updates)
    threads = [threading.Thread(target=update) for update in updates]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    document = search_index.document(product) or {}
    assert document["title"] == "V5"
    assert document["levels"] == {sku: [1, 5] for sku in skus}
    assert document["in_stock"]


def test_renamed_category_is_searchable(search_index: SearchIndex) -> None:
    search_index.add("Tiffany", category="lamps")
    node = search_index.tree.by_slug["lamps"]
    assert search_index.titles("luminaires") == []

    search_index.store.writer.rename({node.id: ["Home", "Luminaires"]})

    assert search_index.titles("luminaires") == ["Tiffany"]
    assert search_index.titles(category="home") == ["Tiffany"]
