"""Product files converted to import rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.api.product_import import ImportRow
from ultramarket import catalogue
from ultramarket.dummyjson import price_before
from ultramarket.product_rows import minor_units
from ultramarket.seed import PRODUCTS


def test_demo_catalogue_rows_are_valid_import_rows() -> None:
    lines = list(catalogue.read(PRODUCTS))

    assert len(lines) == 194
    for line in lines:
        assert line.error is None
        ImportRow.model_validate(line.row)


def test_demo_product_has_price_before_discount() -> None:
    first = next(iter(catalogue.read(PRODUCTS))).row
    assert first is not None

    [variant] = first["variants"]

    assert variant["price"] == {"amount": 999, "currency": "USD"}
    assert variant["compare_at_price"] == {"amount": 1116, "currency": "USD"}  # 9.99 is 11.16 less 10.48 %
    assert variant["stock"] == 99
    assert first["external_id"] == "dummyjson-1"
    assert first["rating"] == {"average": 2.56, "count": 3}


@pytest.mark.parametrize(
    ("price", "cents"), [(9.99, 999), (0, 0), ("19.995", 2000), (1_000_000, 100_000_000), (0.1 + 0.2, 30)]
)
def test_prices_become_exact_minor_units(price: Any, cents: int) -> None:
    assert minor_units(price) == cents


@pytest.mark.parametrize(("percentage", "before"), [(0, 1000), (50, 2000), (100, 1000), (33.33, 1500)])
def test_price_before_discount(percentage: float, before: int) -> None:
    assert price_before(1000, percentage) == before


def test_csv_line_becomes_product_with_one_variant(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text(
        "title,sku,price,currency,category,stock,tags,attr.colour,compare_at_price\n"
        '"Mug, blue",MUG-1,4.50,EUR,Home/Kitchen,12,mug|blue,blue,6\n'
    )

    [line] = catalogue.read(file)

    assert line.number == 2
    assert line.row == {
        "title": "Mug, blue",
        "status": "active",
        "category": "Home/Kitchen",
        "tags": ["mug", "blue"],
        "attributes": {"colour": "blue"},
        "variants": [
            {
                "sku": "MUG-1",
                "price": {"amount": 450, "currency": "EUR"},
                "compare_at_price": {"amount": 600, "currency": "EUR"},
                "stock": 12,
            }
        ],
    }
    ImportRow.model_validate(line.row)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title,sku,price\nMug,MUG,cheap\n", "'cheap' is no price"),
        ("title,sku,price\nMug,MUG,-1\n", "'-1' is no price"),
        ("title,sku,price\n,MUG,1\n", "title is missing"),
        ("title,sku,price,stock\nMug,MUG,1,many\n", "stock: 'many' is no whole number"),
        ("title,sku,prize\nMug,MUG,1\n", "unknown column prize"),
        ("title,sku,price\nMug,MUG,1,2\n", "more cells than columns"),
    ],
)
def test_invalid_csv_line_has_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "products.csv"
    file.write_text(text)

    [line] = catalogue.read(file)

    assert line.row is None
    assert reason in (line.error or "")


def test_invalid_jsonl_line_has_a_number(tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    file.write_text('{"title": "A"}\n\nnonsense\n[1]\n')

    lines = list(catalogue.read(file))

    assert [line.number for line in lines] == [1, 3, 4]
    assert lines[0].row == {"title": "A"}
    assert (lines[1].error or "").startswith("not JSON")
    assert lines[2].error == "not an object"


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.json", '{"a": 1}'), ("a.xlsx", "")])
def test_file_that_is_no_product_list_is_refused(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)

    with pytest.raises(catalogue.Unreadable):
        list(catalogue.read(file))


def test_incomplete_demo_row_names_the_field(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([{"discountPercentage": 5, "title": "Mug"}]))

    [line] = catalogue.read(file)

    assert line.error == "price is missing"
