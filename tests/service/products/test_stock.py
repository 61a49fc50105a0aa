"""Availability of products by stock events: late, duplicate and early ones included."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.service.products.conftest import Catalogue


def stock_of(catalogue: Catalogue, product_id: str) -> tuple[int, bool, bool]:
    product = catalogue.get(product_id)
    return product["variants"][0]["available"], product["variants"][0]["in_stock"], product["in_stock"]


def test_stock_event_updates_variant_and_list(catalogue: Catalogue) -> None:
    product = catalogue.create()
    catalogue.store.stock.record({"MUG-1": (5, 1)})

    assert stock_of(catalogue, product["id"]) == (5, True, True)
    assert catalogue.titles(in_stock=True) == ["Mug"]

    catalogue.store.stock.record({"MUG-1": (0, 2)})

    assert stock_of(catalogue, product["id"]) == (0, False, False)
    assert catalogue.titles(in_stock=True) == []
    assert catalogue.get(product["id"])["version"] == 1


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [2, 3, 1, 3, 2], [3, 3, 1]])
def test_newest_stock_event_wins_in_any_order(catalogue: Catalogue, order: list[int]) -> None:
    product = catalogue.create()
    for sequence in order:
        catalogue.store.stock.record({"MUG-1": (sequence * 10, sequence)})

    assert stock_of(catalogue, product["id"]) == (30, True, True)


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [2, 3, 1, 3, 2]])
def test_newest_rating_event_wins_in_any_order(catalogue: Catalogue, order: list[int]) -> None:
    product = catalogue.create()
    for sequence in order:
        rating = {"average": float(sequence), "count": sequence, "histogram": {"3": sequence}}
        catalogue.store.ratings.record(product["id"], rating, sequence)

    assert catalogue.get(product["id"])["rating"]["average"] == 3.0


def test_stock_event_before_its_product_is_stored(catalogue: Catalogue) -> None:
    catalogue.store.stock.record({"MUG-1": (7, 4)})

    product = catalogue.create()

    assert stock_of(catalogue, product["id"]) == (7, True, True)
    catalogue.store.stock.record({"MUG-1": (1, 3)})
    assert stock_of(catalogue, product["id"]) == (7, True, True)


def test_stock_events_during_creation_are_not_lost(catalogue: Catalogue) -> None:
    def create(index: int) -> Any:
        return catalogue.create(sku=f"S{index}", slug=f"mug-{index}")["id"]

    def record(index: int) -> None:
        for sequence in (1, 2, 3):
            catalogue.store.stock.record({f"S{index}": (sequence, sequence)})

    with ThreadPoolExecutor(8) as pool:
        futures = [(pool.submit(create, index), pool.submit(record, index)) for index in range(40)]
        ids = [creation.result() for creation, recording in futures if recording.result() is None]

    assert {stock_of(catalogue, product_id)[0] for product_id in ids} == {3}


def imported(catalogue: Catalogue, sku: str, units: int) -> str:
    variant = {"sku": sku, "price": {"amount": 5, "currency": "USD"}, "stock": units}
    return str(catalogue.load({"title": "Mug", "variants": [variant]})[0].id)


def test_imported_stock_is_shown_before_it_is_counted(catalogue: Catalogue) -> None:
    mug = imported(catalogue, "MUG-1", 7)

    assert stock_of(catalogue, mug) == (7, True, True)
    assert catalogue.titles(in_stock=True) == ["Mug"]
    assert stock_of(catalogue, imported(catalogue, "MUG-2", 0)) == (0, False, False)


@pytest.mark.parametrize("order", [[1, 2, 3], [3, 2, 1], [2, 1, 3, 2, 1], [1, 3, 1, 2]])
def test_newest_stock_event_wins_over_announced_stock(catalogue: Catalogue, order: list[int]) -> None:
    levels = {1: 7, 2: 4, 3: 7}
    mug = imported(catalogue, "MUG-1", 7)

    for sequence in order:
        catalogue.store.stock.record({"MUG-1": (levels[sequence], sequence)})

    assert stock_of(catalogue, mug) == (7, True, True)
    catalogue.store.stock.record({"MUG-1": (0, 4)})
    assert stock_of(catalogue, mug) == (0, False, False)


def test_first_count_replaces_a_different_announcement(catalogue: Catalogue) -> None:
    mug = imported(catalogue, "MUG-1", 7)

    catalogue.store.stock.record({"MUG-1": (3, 1)})

    assert stock_of(catalogue, mug) == (3, True, True)


def test_counted_stock_is_kept_by_an_import(catalogue: Catalogue) -> None:
    catalogue.store.stock.record({"MUG-1": (2, 1)})

    assert stock_of(catalogue, imported(catalogue, "MUG-1", 7)) == (2, True, True)


def test_edited_product_keeps_its_availability(catalogue: Catalogue) -> None:
    product = catalogue.create()
    catalogue.store.stock.record({"MUG-1": (5, 1)})

    catalogue.load({"title": "Mug", "variants": [{"sku": "MUG-1", "price": {"amount": 5, "currency": "USD"}}]})

    assert stock_of(catalogue, product["id"]) == (5, True, True)
