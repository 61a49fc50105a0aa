"""News come late, twice, in any order and at once: the index says in the end what is so."""

import itertools
import random
import threading
from collections.abc import Callable

import pytest

from services.chassis.common.ids import new_id
from tests.service.search.conftest import Shelf


def test_a_product_is_found_by_what_it_says_now(shelf: Shelf) -> None:
    product = shelf.add("Green lamp")

    shelf.put(shelf.snapshot("Blue lamp", id=product, version=2))

    assert shelf.titles("lamp") == ["Blue lamp"]
    assert shelf.titles("green") == []


def test_old_news_of_a_product_bring_nothing_back(shelf: Shelf) -> None:
    product = shelf.add("Blue lamp", version=3)

    shelf.put(shelf.snapshot("Green lamp", id=product, version=2))
    shelf.put(shelf.snapshot("Green lamp", id=product, version=3))

    assert shelf.titles("lamp") == ["Blue lamp"]


def test_a_product_that_is_gone_stays_gone(shelf: Shelf) -> None:
    product = shelf.add("Blue lamp", version=3)

    shelf.store.indexing.products([], {product: 4})
    shelf.put(shelf.snapshot("Blue lamp", id=product, version=3))

    assert shelf.titles("lamp") == []
    assert shelf.store.indexing.stock([(f"SKU-{product[-6:]}", 5, 9)]) is None
    assert shelf.titles("lamp") == []


def test_drafts_and_archived_ones_are_not_found(shelf: Shelf) -> None:
    shelf.add("Draft lamp", status="draft")
    shelf.add("Archived lamp", status="archived")

    assert shelf.titles("lamp") == []


def test_news_of_a_sku_may_come_before_its_product(shelf: Shelf) -> None:
    shelf.store.indexing.stock([("MUG-1", 7, 3)])

    product = shelf.add("Mug", skus=["MUG-1"])

    assert shelf.in_stock(product)


def test_the_newest_level_counts_whoever_brings_it(shelf: Shelf) -> None:
    product = shelf.add("Mug", skus=["MUG-2"], stock={"MUG-2": (5, 4)})
    assert shelf.in_stock(product)

    shelf.store.indexing.stock([("MUG-2", 0, 6)])
    assert not shelf.in_stock(product)

    shelf.store.indexing.stock([("MUG-2", 5, 5), ("MUG-2", 0, 6)])
    shelf.put(shelf.snapshot("Mug", id=product, version=2, skus=["MUG-2"], stock={"MUG-2": (5, 5)}))
    assert not shelf.in_stock(product)


def test_a_sale_that_leaves_some_costs_the_engine_nothing(shelf: Shelf) -> None:
    shelf.counted("MUG-3", 1, 3, 3, "initial")
    product = shelf.add("Mug", skus=["MUG-3"])
    before = shelf.document(product)

    shelf.counted("MUG-3", 2, 2, -1, "reserved")
    shelf.counted("MUG-3", 3, 1, -1, "reserved")
    shelf.counted("MUG-3", 4, 1, 0, "committed")

    assert shelf.document(product) == before
    assert shelf.in_stock(product)


def test_the_last_one_held_and_given_back_is_told_in_any_order(shelf: Shelf) -> None:
    product = shelf.add("Mug", skus=["MUG-4"], stock={"MUG-4": (2, 3)})

    shelf.counted("MUG-4", 5, 0, -1, "reserved")
    assert not shelf.in_stock(product)
    shelf.counted("MUG-4", 4, 1, -1, "reserved")
    assert not shelf.in_stock(product)

    shelf.counted("MUG-4", 6, 1, 1, "released")
    shelf.counted("MUG-4", 5, 0, -1, "reserved")
    assert shelf.in_stock(product)


def test_a_product_is_there_while_one_of_its_skus_is(shelf: Shelf) -> None:
    product = shelf.add("Shirt", skus=["SHIRT-S", "SHIRT-L"], stock={"SHIRT-S": (0, 1), "SHIRT-L": (2, 1)})
    assert shelf.in_stock(product)

    shelf.put(shelf.snapshot("Shirt", id=product, version=2, skus=["SHIRT-S"]))

    assert not shelf.in_stock(product)


def test_ratings_and_sales_keep_their_newest_word(shelf: Shelf) -> None:
    product = shelf.add("Mug", rating={"average": 3.0, "count": 2})

    shelf.store.indexing.ratings(product, 4.5, 10, 7)
    shelf.store.indexing.ratings(product, 2.0, 9, 6)
    shelf.put(shelf.snapshot("Mug", id=product, version=2, rating={"average": 3.0, "count": 2}))
    shelf.store.indexing.sales({product: 40}, 2_000)
    shelf.store.indexing.sales({product: 10}, 1_000)

    document = shelf.document(product) or {}
    assert (document["rating"], document["rating_count"], document["units_30d"]) == (4.5, 10, 40)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
def test_any_order_of_news_ends_the_same(shelf: Shelf, order: tuple[int, ...]) -> None:
    product, sku = new_id(), f"ANY-{random.random()}"
    news: list[Callable[[], None]] = [
        lambda: shelf.put(shelf.snapshot("Old", id=product, version=1, skus=[sku])),
        lambda: shelf.put(shelf.snapshot("New", id=product, version=2, skus=[sku])),
        lambda: shelf.store.indexing.stock([(sku, 4, 1)]),
        lambda: shelf.store.indexing.stock([(sku, 0, 2)]),
    ]

    for place in (*order, *order[:2]):
        news[place]()

    document = shelf.document(product) or {}
    assert (document["title"], document["levels"], document["in_stock"]) == ("New", {sku: [0, 2]}, False)


def test_news_at_once_lose_nothing(shelf: Shelf) -> None:
    product, skus = new_id(), [f"RACE-{number}" for number in range(4)]
    works: list[Callable[[], None]] = [
        lambda version=version: shelf.put(shelf.snapshot(f"V{version}", id=product, version=version, skus=skus))  # type: ignore[misc]
        for version in range(1, 6)
    ]
    works += [
        lambda sku=sku, number=number: shelf.store.indexing.stock([(sku, number % 2, number)])  # type: ignore[misc]
        for sku in skus
        for number in range(1, 6)
    ]
    random.shuffle(works)
    threads = [threading.Thread(target=work) for work in works]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    document = shelf.document(product) or {}
    assert document["title"] == "V5"
    assert document["levels"] == {sku: [1, 5] for sku in skus}
    assert document["in_stock"]


def test_a_renamed_category_is_found_by_its_new_name(shelf: Shelf) -> None:
    shelf.add("Tiffany", category="lamps")
    node = shelf.tree.by_slug["lamps"]
    assert shelf.titles("luminaires") == []

    shelf.store.indexing.rename({node.id: ["Home", "Luminaires"]})

    assert shelf.titles("luminaires") == ["Tiffany"]
    assert shelf.titles(category="home") == ["Tiffany"]
