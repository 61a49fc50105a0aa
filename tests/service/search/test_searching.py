"""Searches with and without typing errors, filters and facets."""

from typing import Any

import pytest

from tests.service.search.conftest import SearchIndex


@pytest.fixture
def search_index(search_index: SearchIndex) -> SearchIndex:
    search_index.put(
        search_index.snapshot("Asus Zenbook Laptop", brand="Asus", category="laptops", price=179_999, tags=["laptops"]),
        search_index.snapshot("Lenovo Yoga 920", brand="Lenovo", category="laptops", price=109_999, tags=["laptops"]),
        search_index.snapshot(
            "Red Running Shoes", brand="Nike", category="shoes", price=8_999, attributes={"colour": "Red"},
            rating={"average": 4.5, "count": 20},
        ),
        search_index.snapshot("Blue Shoes", brand="Puma", category="shoes", price=4_999, attributes={"colour": "Blue"}),
        search_index.snapshot("Black Sun Glasses", category="sunglasses", price=2_999),
        search_index.snapshot("Crème Brûlée Torch", brand="Café Noir", category="home", price=1_999),
        search_index.snapshot("Table Lamp", category="lamps", price=3_999, description="A short lamp for <b>desks</b>"),
        search_index.snapshot("Summer Dress", category="dresses", price=5_999, skus=["DRS-SUM-001"]),
        search_index.snapshot("Galaxy S10", brand="Samsung", price=69_999),
        search_index.snapshot("Galaxy S8", brand="Samsung", price=49_999),
    )  # fmt: skip
    return search_index


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
def test_query_finds_titles(search_index: SearchIndex, q: str, titles: list[str]) -> None:
    assert sorted(search_index.titles(q)) == titles


def test_short_words_and_numbers_match_exactly(search_index: SearchIndex) -> None:
    assert search_index.titles("galaxy s9")[:2] != []  # relaxed: there is no S9, and S8 is not a correction of it
    assert search_index.search("galaxy s9")["relaxed"]
    assert search_index.search("s9")["items"] == []


def test_known_word_is_not_corrected(search_index: SearchIndex) -> None:
    assert search_index.titles("short") == ["Table Lamp"]


def test_misspelt_word_is_corrected(search_index: SearchIndex) -> None:
    reply = search_index.search("runing shoos")

    assert reply["did_you_mean"] == "running shoes"
    assert [item["title"] for item in reply["items"]] == ["Red Running Shoes"]
    assert not reply["relaxed"]


def test_relaxed_search_matches_some_words(search_index: SearchIndex) -> None:
    reply = search_index.search("purple summer dress")

    assert reply["relaxed"]
    assert reply["items"][0]["title"] == "Summer Dress"


def test_nonsense_finds_nothing(search_index: SearchIndex) -> None:
    reply = search_index.search("xqzzkw")

    assert (reply["items"], reply["total"], reply["relaxed"], reply["facets"]) == ([], 0, False, [])


def test_item_fields(search_index: SearchIndex) -> None:
    (item,) = search_index.search("red shoes")["items"]

    fields = {name: item[name] for name in ("title", "brand", "price", "rating", "in_stock")}
    assert fields == {
        "title": "Red Running Shoes",
        "brand": "Nike",
        "price": {"amount": 8_999, "currency": "USD"},
        "rating": {"average": 4.5, "count": 20},
        "in_stock": False,
    }
    assert item["category"]["slug"] == "shoes"
    assert item["sku"].startswith("SKU-")


def test_highlights_are_safe_html(search_index: SearchIndex) -> None:
    (item,) = search_index.search("desks lamp")["items"]

    assert item["highlights"]["title"] == "Table <em>Lamp</em>"
    assert "&lt;b&gt;<em>desks</em>" in item["highlights"]["description"]


def _counts(reply: dict[str, Any], field: str) -> dict[str, int]:
    return {
        value["value"]: value["count"]
        for facet in reply["facets"]
        if facet["field"] == field
        for value in facet["values"]
    }


def test_facet_counts_ignore_own_filter(search_index: SearchIndex) -> None:
    query = {"attr.colour": "red"}
    reply = search_index.search("shoes", **query)

    assert [item["title"] for item in reply["items"]] == ["Red Running Shoes"]
    assert _counts(reply, "attr.colour") == {"Red": 1, "Blue": 1}
    assert _counts(reply, "brand") == {"Nike": 1}
    assert _counts(reply, "price") == {"5000-9999": 1}
    (colour,) = (facet for facet in reply["facets"] if facet["field"] == "attr.colour")
    assert {value["value"]: value["selected"] for value in colour["values"]} == {"Red": True, "Blue": False}


def test_category_includes_descendants(search_index: SearchIndex) -> None:
    reply = search_index.search(category="home", facets="category")

    assert sorted(item["title"] for item in reply["items"]) == ["Crème Brûlée Torch", "Table Lamp"]
    assert _counts(reply, "category")["home"] == 2
    assert _counts(reply, "category")["lamps"] == 1
    assert _counts(reply, "category")["shoes"] == 2


def test_total_respects_filters(search_index: SearchIndex) -> None:
    reply = search_index.search("shoes", brand="puma", limit=1)

    assert (reply["total"], reply["items"][0]["title"]) == (1, "Blue Shoes")


def test_sorting_and_paging(search_index: SearchIndex) -> None:
    assert search_index.titles("shoes", sort="price") == ["Blue Shoes", "Red Running Shoes"]
    assert search_index.titles("shoes", sort="-price", page=2, limit=1) == ["Blue Shoes"]
    assert search_index.titles("shoes", sort="title") == ["Blue Shoes", "Red Running Shoes"]
    assert search_index.titles("shoes", sort="-rating")[0] == "Red Running Shoes"


def test_product_suggestions_allow_one_typo(search_index: SearchIndex) -> None:
    search_index.store.indexes.refresh()

    def suggested_products(text: str) -> list[str]:
        return [
            suggestion["title"]
            for suggestion in search_index.engine.suggest_products(text, 5, search_index.store.reference_data.current())
        ]

    assert suggested_products("len") == ["Lenovo Yoga 920"]
    assert suggested_products("lemov") == ["Lenovo Yoga 920"]
    assert suggested_products("yoga len") == ["Lenovo Yoga 920"]
    assert sorted(suggested_products("galaxy")) == ["Galaxy S10", "Galaxy S8"]
    assert suggested_products("galaxy s1") == ["Galaxy S10"]
    assert "Asus Zenbook Laptop" in suggested_products("laptops"), "no title begins so, but a search finds them"
    assert suggested_products("xyzzy") == []
    assert suggested_products("!") == []
