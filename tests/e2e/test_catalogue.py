"""The catalogue over HTTP: products created, read, replaced, patched and deleted by staff and vendors."""

from typing import Any

import pytest

from tests.support.shop import Client, Reply, Shop, eventually, new_key


def product(**changes: Any) -> dict[str, Any]:
    """The request body of a mug in two colours."""
    name = new_key()[:10]
    price = {"amount": 1299, "currency": "USD"}
    variants = [
        {"sku": f"MUG-{name}-{colour}", "options": {"Colour": colour}, "price": price, "weight_g": 380}
        for colour in ("Red", "Blue")
    ]
    body = {
        "title": f"Enamel mug {name}",
        "description": "Holds tea.",
        "status": "active",
        "options": [{"name": "Colour", "values": ["Red", "Blue"]}],
        "variants": variants,
        "tags": ["kitchen"],
        "attributes": {"material": "enamel", "litres": 0.3, "dishwasher": True},
    }
    return body | changes


@pytest.fixture
def created(shop: Shop) -> Reply:
    reply = shop.admin("POST", "/products", product(), key=new_key())
    assert reply.status == 201, reply
    return reply


def test_new_product_is_read_by_id_and_slug(shop: Shop) -> None:
    body = product(seo={"title": "Mugs", "description": "The best"})

    created = shop.admin("POST", "/products", body)
    by_id = shop.guest()("GET", f"/products/{created.data['id']}")
    by_slug = shop.guest()("GET", f"/products/{created.data['slug']}")

    assert created.status == 201
    assert by_id.data == by_slug.data == created.data
    assert created.data["slug"] == body["title"].lower().replace(" ", "-")
    assert [variant["title"] for variant in created.data["variants"]] == ["Red", "Blue"]
    assert [variant["available"] for variant in created.data["variants"]] == [0, 0]
    assert (created.data["version"], created.data["in_stock"], created.data["vendor_id"]) == (1, False, None)
    for field in ("title", "description", "tags", "attributes", "options", "seo"):
        assert created.data[field] == body[field]


def test_product_repeated_with_its_key_is_one_product(shop: Shop) -> None:
    body, key = product(), new_key()

    first, second = (shop.admin("POST", "/products", body, key=key) for _ in range(2))
    without_key = shop.admin("POST", "/products", body)

    assert (first.status, second.raw) == (201, first.raw)
    assert (without_key.status, without_key.code) == (409, "CONFLICT")


@pytest.mark.parametrize("taken", ["sku", "slug"])
def test_sku_and_slug_are_unique(shop: Shop, created: Reply, taken: str) -> None:
    other = product()
    if taken == "sku":
        other["variants"][1]["sku"] = created.data["variants"][0]["sku"]
    else:
        other["slug"] = created.data["slug"]

    duplicate = shop.admin("POST", "/products", other)
    another = shop.admin("POST", "/products", product())
    change = {"slug": created.data["slug"]} if taken == "slug" else {"variants": other["variants"]}
    changed = shop.admin("PATCH", f"/products/{another.data['id']}", change)

    for refused in (duplicate, changed):
        assert (refused.status, refused.code) == (409, "CONFLICT")
        assert taken in refused.error["details"][0]["field"]
    assert shop.guest()("GET", f"/products/{another.data['id']}").data == another.data


def test_change_against_an_old_version_is_refused(shop: Shop, created: Reply) -> None:
    path, first = f"/products/{created.data['id']}", created.headers["ETag"]

    changed = shop.admin("PATCH", path, {"brand": "Tinware"}, headers={"If-Match": first})
    for method, body in (("PATCH", {"brand": "Other"}), ("PUT", product()), ("DELETE", None)):
        stale = shop.admin(method, path, body, headers={"If-Match": first})
        assert (stale.status, stale.code) == (412, "PRECONDITION_FAILED")
    again = shop.admin("PATCH", path, {"brand": "Smith"}, headers={"If-Match": changed.headers["ETag"]})

    assert (changed.data["version"], changed.data["brand"]) == (2, "Tinware")
    assert (again.data["version"], again.data["brand"]) == (3, "Smith")
    assert shop.guest()("GET", path).data == again.data


def test_unchanged_product_is_not_sent_again(shop: Shop, created: Reply) -> None:
    path, sku = f"/products/{created.data['id']}", created.data["variants"][0]["sku"]
    tag = shop.guest()("GET", path).headers["ETag"]

    same = shop.guest()("GET", path, headers={"If-None-Match": tag})
    shop.adjust(sku, 3)
    restocked = eventually(lambda: shop.guest()("GET", path, headers={"If-None-Match": tag}).status == 200)

    assert (same.status, same.headers["ETag"]) == (304, tag.removeprefix("W/"))  # weak where it was compressed
    assert restocked
    assert shop.guest()("GET", path).data["variants"][0]["available"] == 3


def test_replaced_product_keeps_nothing_of_the_old_one(shop: Shop, created: Reply) -> None:
    price = {"amount": 500, "currency": "USD"}
    replacement = {"title": "Bare", "status": "active", "variants": [{"sku": f"BARE-{new_key()[:8]}", "price": price}]}

    replaced = shop.admin("PUT", f"/products/{created.data['id']}", replacement)

    assert (replaced.status, replaced.data["title"], replaced.data["version"]) == (200, "Bare", 2)
    assert (replaced.data["tags"], replaced.data["attributes"], replaced.data["options"]) == ([], {}, [])
    refused = shop.guest().add(created.data["variants"][0]["sku"])
    assert (refused.status, refused.code) == (404, "NOT_FOUND")


def test_draft_is_visible_to_its_vendor_and_administrators(shop: Shop, vendor: Client) -> None:
    draft = vendor("POST", "/products", product(status="draft")).data
    sku, path = draft["variants"][0]["sku"], f"/products/{draft['id']}"

    assert vendor("GET", path).data["status"] == shop.admin("GET", path).data["status"] == "draft"
    assert draft["id"] in [item["id"] for item in vendor("GET", "/products?status=draft").data]
    for other in (shop.guest(), shop.customer(), shop.member("VENDOR")):
        assert other("GET", path).status == 404
        assert other.add(sku).status == 404
    assert shop.guest()("GET", f"/products?vendor={draft['vendor_id']}").data == []
    hidden = shop.guest()("GET", "/products?status=draft")
    assert (hidden.status, hidden.code) == (403, "FORBIDDEN")


def test_deleted_product_frees_its_sku_and_slug(shop: Shop) -> None:
    body = product()
    first = shop.admin("POST", "/products", body).data

    removed = shop.admin("DELETE", f"/products/{first['id']}")
    again = shop.admin("POST", "/products", body)

    assert (removed.status, removed.data) == (200, None)
    assert shop.guest()("GET", f"/products/{first['id']}").status == 404
    assert shop.admin("DELETE", f"/products/{first['id']}").status == 404
    assert (again.status, again.data["slug"]) == (201, first["slug"])


def _variant(**changes: Any) -> dict[str, Any]:
    return {"variants": [{"sku": f"V-{new_key()[:8]}", "price": {"amount": 1, "currency": "USD"}} | changes]}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"options": [], **_variant(options={"Colour": "Red"})}, "variants.0.options"),
        ({"options": [], **_variant(price={"amount": -1, "currency": "USD"})}, "variants.0.price.amount"),
        ({"options": [], **_variant(price={"amount": 1, "currency": "usd"})}, "variants.0.price.currency"),
        ({"options": [], **_variant(compare_at_price={"amount": 1, "currency": "EUR"})}, "variants.0.compare_at_price"),
        ({"options": [], **_variant(barcode="x")}, "variants.0.barcode"),
        ({"variants": []}, "variants"),
        ({"category": "no-such-category"}, "category"),
        ({"status": "sold"}, "status"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"images": ["javascript:alert(1)"]}, "images.0"),
        ({"attributes": {"Not A Name": 1}}, "attributes"),
    ],
)
def test_invalid_product_is_refused_by_field(shop: Shop, changes: dict[str, Any], field: str) -> None:
    body = product(**changes)

    refused = shop.admin("POST", "/products", body)

    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")
    assert refused.error["details"][0]["field"].startswith(field)
    for variant in body["variants"]:
        assert shop.guest().add(variant["sku"]).status == 404
