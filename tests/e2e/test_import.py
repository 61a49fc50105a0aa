"""Bulk import over HTTP: each row is validated by itself, and repeated rows change nothing."""

from typing import Any

from tests.support.shop import Shop, eventually, new_key


def row(name: str, **changes: Any) -> dict[str, Any]:
    variant = {"sku": f"IMP-{name}", "price": {"amount": 1000, "currency": "USD"}, "stock": 7}
    return {"title": f"Import {name}", "external_id": f"ext-{name}", "variants": [variant]} | changes


def test_repeated_rows_change_nothing(shop: Shop) -> None:
    names = [new_key()[:10] for _ in range(3)]
    rows = [row(name) for name in names]

    first = shop.admin("POST", "/products/import", {"products": rows})
    second = shop.admin("POST", "/products/import", {"products": rows})
    assert eventually(lambda: shop.admin("GET", f"/inventory/IMP-{names[0]}").status == 200)
    shop.adjust(f"IMP-{names[0]}", -2)
    third = shop.admin("POST", "/products/import", {"products": [row(names[0], title="Better"), *rows[1:]]})

    counts = [
        {name: count for name, count in reply.data.items() if isinstance(count, int)}
        for reply in (first, second, third)
    ]
    assert counts == [
        {"created": 3, "updated": 0, "unchanged": 0, "refused": 0},
        {"created": 0, "updated": 0, "unchanged": 3, "refused": 0},
        {"created": 0, "updated": 1, "unchanged": 2, "refused": 0},
    ]
    ids = [[result["id"] for result in reply.data["rows"]] for reply in (first, second, third)]
    assert ids[0] == ids[1] == ids[2]
    assert shop.settled_level(f"IMP-{names[0]}") == (5, 0, 5)
    assert shop.guest()("GET", f"/products/{ids[0][0]}").data["title"] == "Better"


def test_invalid_rows_are_reported_and_valid_ones_imported(shop: Shop) -> None:
    valid_name, used_sku = new_key()[:10], shop.product()
    rows: list[dict[str, Any]] = [
        row("no-price", variants=[{"sku": "IMP-X"}]),
        row(valid_name),
        row("twice", variants=[{"sku": used_sku, "price": {"amount": 1, "currency": "USD"}}], external_id="ext-other"),
        row("long", title="x" * 10_000),
        row("surprise", colour="red"),
        {},
    ]

    report = shop.admin("POST", "/products/import", {"products": rows})

    assert report.status == 200
    assert [result["status"] for result in report.data["rows"]][:2] == ["refused", "created"]
    assert [result["index"] for result in report.data["rows"]] == [0, 1, 2, 3, 4, 5]
    refused = {result["index"]: result["field"] for result in report.data["rows"] if result["status"] == "refused"}
    assert {index: refused[index] for index in (0, 3, 4)} == {0: "variants.0.price", 3: "title", 4: "colour"}
    assert all(result["reason"] for result in report.data["rows"] if result["status"] == "refused")
    assert eventually(lambda: shop.guest().add(f"IMP-{valid_name}").status == 201)
    assert shop.guest().add("IMP-X").status == 404


def test_import_takes_one_to_a_hundred_rows(shop: Shop) -> None:
    for products in ([], [{}] * 101, "all", None):
        refused = shop.admin("POST", "/products/import", {"products": products})

        assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
        assert refused.error["details"][0]["field"] == "products"


def test_row_that_cannot_be_stored_refuses_the_request(shop: Shop) -> None:
    for value in ("with a \x00 in it", 10**30):
        refused = shop.admin("POST", "/products/import", {"products": [row("nul", attributes={"odd": value})]})

        assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
        assert refused.error["details"][0]["field"] == "products.0.attributes.odd"
