"""What is found by words with and without errors, filters, facets."""

from typing import Any

import pytest

from tests.service.search.conftest import Shelf


@pytest.fixture
def shop(shelf: Shelf) -> Shelf:
    shelf.put(
        shelf.snapshot("Asus Zenbook Laptop", brand="Asus", category="laptops", price=179_999, tags=["laptops"]),
        shelf.snapshot("Lenovo Yoga 920", brand="Lenovo", category="laptops", price=109_999, tags=["laptops"]),
        shelf.snapshot(
            "Red Running Shoes", brand="Nike", category="shoes", price=8_999, attributes={"colour": "Red"},
            rating={"average": 4.5, "count": 20},
        ),
        shelf.snapshot("Blue Shoes", brand="Puma", category="shoes", price=4_999, attributes={"colour": "Blue"}),
        shelf.snapshot("Black Sun Glasses", category="sunglasses", price=2_999),
        shelf.snapshot("Crème Brûlée Torch", brand="Café Noir", category="home", price=1_999),
        shelf.snapshot("Table Lamp", category="lamps", price=3_999, description="A short lamp for <b>desks</b>"),
        shelf.snapshot("Summer Dress", category="dresses", price=5_999, skus=["DRS-SUM-001"]),
        shelf.snapshot("Galaxy S10", brand="Samsung", price=69_999),
        shelf.snapshot("Galaxy S8", brand="Samsung", price=49_999),
    )  # fmt: skip
    return shelf


@pytest.mark.parametrize(
    ("q", "titles"),
    [
        ("dresses", ["Summer Dress"]),
        ("creme brulee", ["Crème Brûlée Torch"]),
        ("CAFÉ NOIR", ["Crème Brûlée Torch"]),
        ("lap top", ["Asus Zenbook Laptop", "Lenovo Yoga 920"]),
        ("sunglasses", ["Black Sun Glasses"]),
        ("sun glasses", ["Black Sun Glasses"]),
        ("zenbok", ["Asus Zenbook Laptop"]),
        ("lenvo yoga", ["Lenovo Yoga 920"]),
        ("galaxy s8", ["Galaxy S8"]),
        ("galaxys10", ["Galaxy S10"]),
        ("notebook", ["Asus Zenbook Laptop", "Lenovo Yoga 920"]),
        ("DRS-SUM-001", ["Summer Dress"]),
        ("drs-sum", ["Summer Dress"]),
        ("shoes under 60", ["Blue Shoes"]),
        ("desk lamp", ["Table Lamp"]),
    ],
)
def test_a_query_finds(shop: Shelf, q: str, titles: list[str]) -> None:
    assert sorted(shop.titles(q)) == titles


def test_a_short_word_or_a_number_is_not_guessed_at(shop: Shelf) -> None:
    assert shop.titles("galaxy s9")[:2] != []  # relaxed: no S9 is there, and none is made of S8
    assert shop.search("galaxy s9")["relaxed"]
    assert shop.search("s9")["items"] == []


def test_a_word_that_the_catalogue_knows_is_taken_as_written(shop: Shelf) -> None:
    assert shop.titles("short") == ["Table Lamp"]


def test_what_is_misspelt_is_corrected_aloud(shop: Shelf) -> None:
    found = shop.search("runing shoos")

    assert found["did_you_mean"] == "running shoes"
    assert [item["title"] for item in found["items"]] == ["Red Running Shoes"]
    assert not found["relaxed"]


def test_where_nothing_has_all_the_words_some_will_do(shop: Shelf) -> None:
    found = shop.search("purple summer dress")

    assert found["relaxed"]
    assert found["items"][0]["title"] == "Summer Dress"


def test_nothing_is_found_by_nonsense(shop: Shelf) -> None:
    found = shop.search("xqzzkw")

    assert (found["items"], found["total"], found["relaxed"], found["facets"]) == ([], 0, False, [])


def test_an_item_is_what_a_list_shows_and_its_sku(shop: Shelf) -> None:
    (item,) = shop.search("red shoes")["items"]

    shown = {name: item[name] for name in ("title", "brand", "price", "rating", "in_stock")}
    assert shown == {
        "title": "Red Running Shoes",
        "brand": "Nike",
        "price": {"amount": 8_999, "currency": "USD"},
        "rating": {"average": 4.5, "count": 20},
        "in_stock": False,
    }
    assert item["category"]["slug"] == "shoes"
    assert item["sku"].startswith("SKU-")


def test_highlights_are_safe_html(shop: Shelf) -> None:
    (item,) = shop.search("desks lamp")["items"]

    assert item["highlights"]["title"] == "Table <em>Lamp</em>"
    assert "&lt;b&gt;<em>desks</em>" in item["highlights"]["description"]


def _counts(found: dict[str, Any], field: str) -> dict[str, int]:
    return {
        value["value"]: value["count"]
        for facet in found["facets"]
        if facet["field"] == field
        for value in facet["values"]
    }


def test_a_facet_does_not_filter_its_own_counts(shop: Shelf) -> None:
    query = {"attr.colour": "red"}
    found = shop.search("shoes", **query)

    assert [item["title"] for item in found["items"]] == ["Red Running Shoes"]
    assert _counts(found, "attr.colour") == {"Red": 1, "Blue": 1}
    assert _counts(found, "brand") == {"Nike": 1}
    assert _counts(found, "price") == {"5000-9999": 1}
    (colour,) = (facet for facet in found["facets"] if facet["field"] == "attr.colour")
    assert {value["value"]: value["selected"] for value in colour["values"]} == {"Red": True, "Blue": False}


def test_a_category_filters_with_all_below_it(shop: Shelf) -> None:
    found = shop.search(category="home", facets="category")

    assert sorted(item["title"] for item in found["items"]) == ["Crème Brûlée Torch", "Table Lamp"]
    assert _counts(found, "category")["home"] == 2
    assert _counts(found, "category")["lamps"] == 1
    assert _counts(found, "category")["shoes"] == 2


def test_the_total_is_of_what_the_filters_leave(shop: Shelf) -> None:
    found = shop.search("shoes", brand="puma", limit=1)

    assert (found["total"], found["items"][0]["title"]) == (1, "Blue Shoes")


def test_orders_and_pages(shop: Shelf) -> None:
    assert shop.titles("shoes", sort="price") == ["Blue Shoes", "Red Running Shoes"]
    assert shop.titles("shoes", sort="-price", page=2, limit=1) == ["Blue Shoes"]
    assert shop.titles("shoes", sort="title") == ["Blue Shoes", "Red Running Shoes"]
    assert shop.titles("shoes", sort="-rating")[0] == "Red Running Shoes"


def test_proposals_begin_so_with_one_error_at_most(shop: Shelf) -> None:
    shop.store.indexes.refresh()

    def proposed(text: str) -> list[str]:
        return [each["title"] for each in shop.engine.propose(text, 5, shop.store.facts.known())]

    assert proposed("len") == ["Lenovo Yoga 920"]
    assert proposed("lemov") == ["Lenovo Yoga 920"]
    assert proposed("yoga len") == ["Lenovo Yoga 920"]
    assert sorted(proposed("galaxy")) == ["Galaxy S10", "Galaxy S8"]
    assert proposed("galaxy s1") == ["Galaxy S10"]
    assert "Asus Zenbook Laptop" in proposed("laptops"), "no title begins so, but a search finds them"
    assert proposed("xyzzy") == []
    assert proposed("!") == []
