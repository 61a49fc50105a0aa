"""Bulk import: repeated rows change nothing, and an invalid row is refused alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services.chassis.common.errors import Forbidden
from tests.service.products.conftest import ADMIN, OTHER_VENDOR, VENDOR, Catalogue


def row(sku: str, **values: Any) -> dict[str, Any]:
    return {"title": f"Mug {sku}", "variants": [{"sku": sku, "price": {"amount": 5, "currency": "USD"}}], **values}


def statuses(catalogue: Catalogue, *rows: dict[str, Any], **kwargs: Any) -> list[str]:
    return [outcome.status for outcome in catalogue.load(*rows, **kwargs)]


def test_repeated_rows_change_nothing(catalogue: Catalogue) -> None:
    rows = [
        row("A", category="Home & Garden/Kitchen", external_id="1", rating={"average": 4.2, "count": 9}),
        row("B", category="Home & Garden/Garden", slug="b"),
        row("C"),
    ]
    assert statuses(catalogue, *rows) == ["created"] * 3
    event_count = len(catalogue.published_events())
    assert statuses(catalogue, *rows) == ["unchanged"] * 3
    assert len(catalogue.published_events()) == event_count

    rows[1]["title"] = "Jar"
    assert statuses(catalogue, *rows) == ["unchanged", "updated", "unchanged"]

    assert catalogue.titles(category="home-garden", sort="title") == ["Jar", "Mug A"]
    assert catalogue.get("mug-a")["rating"] == {"average": 4.2, "count": 9}
    assert [node["name"] for node in catalogue.store.categories.tree()] == ["Home & Garden"]


def test_import_publishes_the_stock_of_accepted_rows(catalogue: Catalogue) -> None:
    catalogue.create(sku="TAKEN")
    mug, taken = row("MUG", external_id="1"), row("TAKEN", slug="other")
    for values, stock in ((mug, 5), (taken, 9)):
        values["variants"][0]["stock"] = stock

    mug_id = catalogue.load(mug, taken, row("NO-STOCK"))[0].id

    assert catalogue.imported_stock() == [[{"sku": "MUG", "on_hand": 5, "product_id": mug_id}]]
    assert statuses(catalogue, mug) == ["unchanged"]
    assert (
        catalogue.imported_stock() == [[{"sku": "MUG", "on_hand": 5, "product_id": mug_id}]] * 2
    )  # for SKUs that had no record then


def test_invalid_row_is_refused_alone(catalogue: Catalogue) -> None:
    catalogue.create(sku="TAKEN")
    catalogue.create(sku="THEIRS", slug="theirs", caller=OTHER_VENDOR)

    outcomes = catalogue.load(
        row("A"),
        row("A", slug="again"),
        row("TAKEN", slug="n"),
        row("X") | {"variants": [*row("X")["variants"], *row("Y")["variants"]]},
        row("THEIRS"),
        row("S", slug="theirs"),
        caller=VENDOR,
    )

    assert [(outcome.status, outcome.field) for outcome in outcomes] == [
        ("created", None),
        ("refused", "sku"),
        ("refused", "variants.0.sku"),
        ("refused", "variants.1.options"),
        ("refused", "variants.0.sku"),
        ("refused", "slug"),
    ]
    assert all(outcome.reason for outcome in outcomes if outcome.status == "refused")


def test_row_is_matched_by_its_external_id_first(catalogue: Catalogue) -> None:
    catalogue.load(row("A", external_id="1"))

    assert statuses(catalogue, row("B", external_id="1")) == ["updated"]
    assert statuses(catalogue, row("B", external_id="2")) == ["refused"]
    assert catalogue.get("mug-a")["variants"][0]["sku"] == "B"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"slug": "mug", "sku": "SHOP-1"}, "slug"),
        ({"slug": "mug", "sku": "SHOP-1", "external_id": "2"}, "slug"),
        ({"sku": "MUG-1"}, "variants.0.sku"),
        ({"sku": "MUG-1", "external_id": "2"}, "variants.0.sku"),
    ],
)
def test_row_never_matches_another_sellers_product(catalogue: Catalogue, values: dict[str, Any], field: str) -> None:
    draft = catalogue.create(caller=VENDOR, slug="mug", external_id="1", status="draft")
    sku = values.pop("sku")

    outcomes = catalogue.load(row(sku, **values), row("OWN", external_id="1"))

    assert [(outcome.status, outcome.field) for outcome in outcomes] == [("refused", field), ("created", None)]
    assert catalogue.get(draft["id"]) == draft
    assert catalogue.get(str(outcomes[1].id))["vendor_id"] is None, "the external id is each seller's own"


def test_row_with_its_vendor_matches_the_vendors_product(catalogue: Catalogue) -> None:
    product = catalogue.create(caller=VENDOR, external_id="1")

    outcomes = catalogue.load(row("MUG-1", external_id="1", vendor_id=VENDOR.user_id))

    assert [(outcome.status, outcome.id) for outcome in outcomes] == [("updated", product["id"])]


def test_rows_with_the_same_title_get_different_slugs(catalogue: Catalogue) -> None:
    outcomes = catalogue.load(row("A", title="Mug"), row("B", title="Mug"))

    assert outcomes[0].slug == "mug"
    assert outcomes[1].slug
    assert outcomes[1].slug.startswith("mug-")


def test_import_requires_a_vendor(catalogue: Catalogue) -> None:
    with pytest.raises(Forbidden):
        catalogue.load(row("A"), caller=ADMIN.model_copy(update={"roles": ["CUSTOMER"]}))


def test_concurrent_imports_create_each_row_once(catalogue: Catalogue) -> None:
    rows = [row(f"S{index}", category="home") for index in range(30)]

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: statuses(catalogue, *rows), range(4)))

    assert sum(outcome.count("created") for outcome in outcomes) == 30
    assert sum(outcome.count("unchanged") for outcome in outcomes) == 90
    assert catalogue.store.db["products"].count_documents({}) == 30


def test_demo_catalogue_is_imported_completely(catalogue: Catalogue) -> None:
    path = Path(__file__).parents[3] / "ultramarket" / "data" / "products.json"
    if not path.exists():
        pytest.skip("the demo catalogue is not here yet")
    source = json.loads(path.read_text())
    rows = [
        {
            "title": item["title"],
            "description": item["description"],
            "brand": item.get("brand"),
            "category": item["category"],
            "tags": item["tags"],
            "images": item["images"],
            "thumbnail": item["thumbnail"],
            "external_id": f"dummyjson-{item['id']}",
            "rating": {"average": item["rating"], "count": len(item["reviews"])},
            "variants": [
                {
                    "sku": item["sku"],
                    "price": {"amount": round(item["price"] * 100), "currency": "USD"},
                    "weight_g": item["weight"] * 100,
                    "barcode": item["meta"]["barcode"],
                    "stock": item["stock"],
                }
            ],
        }
        for item in source
    ]
    for expected in ("created", "unchanged"):
        for start in range(0, len(rows), 100):
            assert set(statuses(catalogue, *rows[start : start + 100])) == {expected}
    assert catalogue.store.db["products"].count_documents({}) == len(source)


def test_import_keeps_pictures_stored_by_the_shop(catalogue: Catalogue) -> None:
    external = {"images": ["https://cdn.example/a.png"], "thumbnail": "https://cdn.example/t.png"}
    stored = {"images": ["/api/v1/files/1?size=full"], "thumbnail": "/api/v1/files/1?size=thumb"}
    newer = {"images": ["/api/v1/files/2?size=full"], "thumbnail": "/api/v1/files/2?size=thumb"}
    assert statuses(catalogue, row("A", **external)) == ["created"]
    assert statuses(catalogue, row("A", **stored)) == ["updated"]

    assert statuses(catalogue, row("A", **external)) == ["unchanged"]
    assert statuses(catalogue, row("A")) == ["unchanged"]
    assert catalogue.get("mug-a")["images"] == stored["images"]

    assert statuses(catalogue, row("A", **newer)) == ["updated"]
    assert catalogue.get("mug-a")["thumbnail"] == newer["thumbnail"]
