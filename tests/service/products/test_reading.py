"""Product queries: filters, sorting, paging, indexes, prices, text search, snapshots."""

from itertools import chain, combinations, product
from typing import Any

import pytest

from schemas.api.products import ProductQuery
from schemas.caller import Caller
from services.chassis.common.paging import Paging
from services.chassis.stores.keyset_mongo import on_page_merged, sort_of
from services.products.domain.documents import STATUSES
from services.products.store import listing
from services.products.store.listing import LEADING_FIELDS, SORTS
from tests.service.products.conftest import ADMIN, VENDOR, Catalogue


def add_products(catalogue: Catalogue) -> None:
    catalogue.category("home")
    catalogue.category("kitchen", "home")
    catalogue.category("garden")
    rows: list[tuple[str, int, str | None, str | None, float, str, Caller]] = [
        ("Apron", 3000, "kitchen", "Potter", 4.5, "blue", ADMIN),
        ("Bowl", 1000, "kitchen", "POTTER", 3.0, "red", VENDOR),
        ("Chair", 9000, "home", None, 5.0, "red", ADMIN),
        ("Digger", 2000, "garden", "Spade", 4.5, "Red", ADMIN),
    ]
    for title, amount, category, brand, average, colour, caller in rows:
        catalogue.load(
            {
                "title": title,
                "category": category,
                "brand": brand,
                "attributes": {"colour": colour, "heavy": amount > 2500},
                "rating": {"average": average, "count": 2},
                "variants": [{"sku": title.upper(), "price": {"amount": amount, "currency": "USD"}}],
            },
            caller=caller,
        )
    catalogue.store.stock.record({"BOWL": (3, 1)})
    catalogue.create(title="Draft", sku="DRAFT", status="draft")


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, "Digger Chair Bowl Apron"),
        ({"sort": "title"}, "Apron Bowl Chair Digger"),
        ({"sort": "price"}, "Bowl Digger Apron Chair"),
        ({"sort": "-price"}, "Chair Apron Digger Bowl"),
        ({"sort": "-rating"}, "Chair Digger Apron Bowl"),
        ({"category": "home", "sort": "title"}, "Apron Bowl Chair"),
        ({"category": "kitchen", "sort": "title"}, "Apron Bowl"),
        ({"category": "nowhere"}, ""),
        ({"brand": "potter", "sort": "title"}, "Apron Bowl"),
        ({"vendor": VENDOR.user_id}, "Bowl"),
        ({"min_price": 2000, "max_price": 3000, "sort": "price"}, "Digger Apron"),
        ({"in_stock": True}, "Bowl"),
        ({"in_stock": False, "sort": "title"}, "Apron Chair Digger"),
        ({"rating": 4.5, "sort": "title"}, "Apron Chair Digger"),
        ({"attr.colour": "RED", "sort": "title"}, "Bowl Chair Digger"),
        ({"attr.colour": "red", "attr.heavy": "true"}, "Chair"),
        ({"category": "home", "attr.colour": "red", "max_price": 5000}, "Bowl"),
    ],
)
def test_list_is_filtered_and_sorted(catalogue: Catalogue, query: dict[str, Any], titles: str) -> None:
    add_products(catalogue)

    assert catalogue.titles(**query) == titles.split()


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_and_cursors_show_everything_once(catalogue: Catalogue, sort: str, limit: int) -> None:
    for index in range(7):
        row = {
            "title": f"Mug {index % 3}",
            "rating": {"average": float(index % 2), "count": 1},
            "variants": [{"sku": f"S{index}", "price": {"amount": index % 4, "currency": "USD"}}],
        }
        catalogue.load(row)
    all_products = catalogue.store.queries.find(ProductQuery(sort=sort, limit=100), ["active"])

    by_page, by_cursor, cursor, number = [], [], None, 1
    while True:
        page = catalogue.store.queries.find(ProductQuery(sort=sort, limit=limit, page=number), ["active"])
        by_page += page["items"]
        if not page["items"]:
            break
        number += 1
    while True:
        page = catalogue.store.queries.find(
            ProductQuery(sort=sort, limit=limit, cursor=cursor, max_price=100), ["active"]
        )
        by_cursor += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert by_page == by_cursor == all_products["items"]
    assert page["total"] == all_products["total"] == 7


def stages(plan: Any) -> set[str]:
    """The names of all stages of a query plan."""
    if isinstance(plan, dict):
        stage = {plan["stage"]} if "stage" in plan else set()
        return stage.union(*(stages(value) for value in plan.values()))
    return set().union(*(stages(value) for value in plan)) if isinstance(plan, list) else set()


FILTERS: dict[str, Any] = {
    "category": "kitchen",
    "brand": "Potter",
    "vendor": VENDOR.user_id,
    "min_price": 1,
    "max_price": 10_000,
    "in_stock": True,
    "rating": 1.0,
    "attributes": {"colour": "red", "heavy": "true"},
}
COMBINATIONS = list(chain.from_iterable(combinations(FILTERS, size) for size in (0, 1, 2, len(FILTERS))))


def test_every_filter_and_sort_order_uses_an_index(catalogue: Catalogue) -> None:
    add_products(catalogue)
    products = catalogue.store.db["products"]
    cursor = {
        sort: catalogue.store.queries.find(ProductQuery(sort=sort, limit=1), ["active"])["next_cursor"]
        for sort in SORTS
    }
    for names, sort, continued, statuses in product(COMBINATIONS, SORTS, (False, True), (["active"], STATUSES)):
        query = ProductQuery.model_validate({name: FILTERS[name] for name in names} | {"sort": sort})
        condition = listing.conditions(query, statuses)
        paging = Paging(cursor=cursor[sort] if continued else None)
        keyset = listing.KEYSETS[sort]
        plan = (
            products.find(on_page_merged(condition, keyset, paging, "status"))
            .sort(sort_of(keyset))
            .hint(listing.index_for(condition, sort))
            .explain()["queryPlanner"]["winningPlan"]
        )
        assert "IXSCAN" in stages(plan), (names, sort)
        assert not {"COLLSCAN", "SORT"} & stages(plan), (names, sort, continued, statuses)


def test_unfiltered_total_is_counted_on_the_index(catalogue: Catalogue) -> None:
    add_products(catalogue)
    pipeline = [{"$match": {"status": "active"}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    plan = catalogue.store.db.command(
        "explain",
        {"aggregate": "products", "pipeline": pipeline, "hint": "all_by_created_at_filtered", "cursor": {}},
    )

    assert not {"COLLSCAN", "FETCH"} & stages(plan)
    assert {"IXSCAN", "COUNT_SCAN"} & stages(plan)


def test_every_leading_field_has_an_index_for_each_order(catalogue: Catalogue) -> None:
    indexes = catalogue.store.db["products"].index_information()

    assert {
        f"{leading_field}_by_{key.field}_filtered"
        for leading_field in (*LEADING_FIELDS, "all")
        for key in SORTS.values()
    } <= indexes.keys()
    assert len(indexes) < 30


def test_prices_of_many_skus_are_one_query(catalogue: Catalogue) -> None:
    catalogue.category("kitchen")
    catalogue.create(
        title="Shirt",
        sku="X",
        category="kitchen",
        tax_class="reduced",
        options=[{"name": "Size", "values": ["S", "L"]}],
        variants=[
            {"sku": "A", "price": {"amount": 900, "currency": "EUR"}, "options": {"Size": "S"}, "weight_g": 7},
            {"sku": "B", "price": {"amount": 990, "currency": "EUR"}, "options": {"Size": "L"}},
        ],
    )
    catalogue.create(title="Old", sku="OLD", status="archived")
    catalogue.store.stock.record({"A": (4, 1)})

    prices = catalogue.store.queries.price(["A", "OLD", "GHOST"], "DE", "BY")

    assert prices.keys() == {"A", "OLD"}
    assert prices["A"] == {
        "sku": "A",
        "product_id": catalogue.get("shirt")["id"],
        "title": "Shirt – S",
        "thumbnail": None,
        "unit_price": 900,
        "currency": "EUR",
        "weight_g": 7,
        "available": 4,
        "active": True,
        "tax_rate_bp": 700,
        "category": "kitchen",
        "vendor_id": None,
    }
    assert (prices["OLD"]["active"], prices["OLD"]["tax_rate_bp"]) == (False, 1900)
    assert catalogue.store.queries.price(["A"], None, None)["A"]["tax_rate_bp"] == 0


def test_products_by_ids_and_related_products(catalogue: Catalogue) -> None:
    add_products(catalogue)
    ids = {title: catalogue.get(title)["id"] for title in ("apron", "bowl", "draft")}

    products = catalogue.store.queries.get_many([ids["bowl"], ids["draft"], ids["apron"]])

    assert [item["title"] for item in products] == ["Bowl", "Apron"]
    details = catalogue.store.queries.get_details([ids["bowl"], ids["draft"], ids["apron"]])
    assert details == [catalogue.get("bowl"), catalogue.get("apron")]
    assert [item["title"] for item in catalogue.store.queries.related("apron", 5)] == ["Bowl"]
    assert catalogue.store.queries.related("draft", 5) == []


def test_tax_rate_is_stored_and_deleted(catalogue: Catalogue) -> None:
    tax = catalogue.store.tax
    rate = {"country": "US", "region": "OR", "tax_class": "standard", "rate_bp": 1, "name": "Sales tax"}
    saved = tax.put(rate)
    assert saved == {"id": "US:OR:standard", "version": 1, **rate}
    assert saved in tax.all("US")
    assert tax.put(rate | {"rate_bp": 2})["version"] == 2
    tax.delete("US:OR:standard")
    assert saved not in tax.all()


def test_tax_rates_of_earlier_releases_get_a_version(catalogue: Catalogue) -> None:
    tax = catalogue.store.tax
    old = {"country": "ZW", "region": "HA", "tax_class": "standard", "rate_bp": 1, "name": "VAT"}
    tax.collection.insert_one({"_id": "ZW:HA:standard", **old})

    tax.seed()

    assert tax.get("ZW:HA:standard")["version"] == 1
    assert tax.put(old, expected_version=1)["version"] == 2
    tax.delete("ZW:HA:standard")


@pytest.mark.parametrize(
    "condition",
    [
        {"variants.sku": {"$in": ["A", "B"]}},
        {"slug": "mug"},
        {"variants.sku": "A", "stock": {"$elemMatch": {"sku": "A", "sequence": {"$lt": 3}}}},
        {"$or": [{"slug": {"$in": ["a"]}}, {"external_id": {"$in": ["b"]}}, {"variants.sku": {"$in": ["c"]}}]},
        {"status": {"$in": STATUSES}, "categories": "kitchen", "listing.category.id": "x"},
    ],
)
def test_queries_of_other_services_use_an_index(catalogue: Catalogue, condition: dict[str, Any]) -> None:
    add_products(catalogue)

    plan = catalogue.store.db["products"].find(condition).explain()["queryPlanner"]["winningPlan"]

    assert "IXSCAN" in stages(plan)
    assert "COLLSCAN" not in stages(plan)


def test_text_search_matches_inflected_words_of_title_and_brand(catalogue: Catalogue) -> None:
    catalogue.create(sku="A", title="Red Summer Dresses", brand="Café Noir")
    catalogue.create(sku="B", title="Red Mug")

    assert catalogue.titles(q="red") == ["Red Mug", "Red Summer Dresses"]
    assert catalogue.titles(q="dress CAFE red", sort="price") == ["Red Summer Dresses"]
    assert catalogue.titles(q="red", min_price=10**6) == []
    assert catalogue.titles(q="blue") == []
    assert len(catalogue.titles(q="?!")) == 2


def test_products_without_words_are_indexed_by_the_migration(catalogue: Catalogue) -> None:
    catalogue.create(sku="A", title="Red Mug")
    catalogue.store.db["products"].update_many({}, {"$unset": {"words": ""}})

    catalogue.store.indexes()

    assert catalogue.titles(q="mugs") == ["Red Mug"]


def test_snapshots_contain_all_fields_and_part_versions(catalogue: Catalogue) -> None:
    created = catalogue.create(sku="A", title="Red Mug", status="draft")
    catalogue.store.stock.record({"A": (7, 3)})

    (snapshot,) = catalogue.store.queries.snapshots([created["id"], "0197a000-0000-7000-8000-0000000000ff"])

    assert snapshot["stock"] == [{"sku": "A", "sequence": 3, "available": 7}]
    assert (snapshot["status"], snapshot["version"], snapshot["rating_sequence"]) == ("draft", 1, 0)


def test_snapshots_are_paged(catalogue: Catalogue) -> None:
    ids = sorted(catalogue.create(sku=f"P-{number}", title=f"Mug {number}")["id"] for number in range(5))

    first = catalogue.store.queries.list_snapshots(None, 3)
    second = catalogue.store.queries.list_snapshots(first["next"], 3)

    assert [item["id"] for item in first["items"] + second["items"]] == ids
    assert second["next"] is None


def test_page_after_equal_values_reads_its_own_rows_only(catalogue: Catalogue) -> None:
    catalogue.category("kitchen")
    for number in range(60):
        price = [{"sku": f"S{number}", "price": {"amount": 100 + number % 2, "currency": "USD"}}]
        catalogue.create(title="Mug", slug=f"mug-{number}", category="kitchen", variants=price)
    query: dict[str, Any] = {"sort": "-rating", "limit": 10, "category": "kitchen"}
    cursor = catalogue.store.queries.find(ProductQuery.model_validate(query | {"limit": 40}), ["active"])["next_cursor"]

    plan = catalogue.store.queries.explain(ProductQuery.model_validate(query | {"cursor": cursor}), ["active"])

    assert plan["executionStats"]["totalKeysExamined"] <= 12
    assert plan["executionStats"]["totalDocsExamined"] == 11


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "filters", [{"min_price": 102, "max_price": 103}, {"rating": 4.0}, {"in_stock": True}], ids=str
)
def test_filtered_page_reads_matching_products_only(catalogue: Catalogue, filters: dict[str, Any], sort: str) -> None:
    rows = [
        {
            "title": f"Mug {number}",
            "rating": {"average": float(number % 5), "count": 1},
            "variants": [
                {"sku": f"S{number}", "price": {"amount": 100 + number, "currency": "USD"}, "stock": number % 2}
            ],
        }
        for number in range(20)
    ]
    catalogue.load(*rows)
    query = ProductQuery.model_validate(filters | {"sort": sort, "limit": 20})

    plan = catalogue.store.queries.explain(query, ["active"])["executionStats"]

    assert plan["totalDocsExamined"] == plan["nReturned"] == len(catalogue.titles(**filters, sort=sort))


def test_filtered_total_is_counted_up_to_a_limit(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.products.store.queries.MAX_TOTAL", 2)
    for number in range(3):
        catalogue.create(slug=f"mug-{number}", sku=f"S{number}", brand="Potter")

    totals = [
        catalogue.store.queries.find(ProductQuery.model_validate(query), ["active"])["total"]
        for query in ({}, {"brand": "potter"}, {"brand": "other"})
    ]

    assert totals == [3, 2, 0]


@pytest.mark.parametrize("words", ["mug potter rare", "rare potter mug"])
def test_products_with_the_rarest_word_are_read(catalogue: Catalogue, words: str) -> None:
    for number in range(12):
        catalogue.create(title="Mug", slug=f"mug-{number}", sku=f"S{number}", brand="Potter")
    catalogue.create(title="Rare mug", sku="RARE", brand="Potter")
    query = ProductQuery(q=words)

    assert catalogue.titles(q=words) == ["Rare mug"]
    assert catalogue.store.queries.explain(query, ["active"])["executionStats"]["totalDocsExamined"] == 1
