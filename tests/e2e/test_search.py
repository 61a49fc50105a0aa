"""Search over HTTP: new and changed products are found soon and with their current data."""

import uuid
from typing import Any

import pytest

from tests.support.shop import Client, Shop, eventually, new_key


def _unique_word() -> str:
    """A unique word."""
    return "q" + "".join(char for char in uuid.uuid4().hex if char.isalpha()) + "zx"


def _search(client: Client, q: str, **parameters: Any) -> dict[str, Any]:
    """A reply of the search engine, not of the catalogue that replaces it when the engine is slow."""
    replies = lambda: client("GET", "/search", params={"q": q, **parameters})  # noqa: E731
    reply = eventually(lambda: (reply := replies()).status == 200 and not reply.data["degraded"] and reply)
    assert reply, replies()
    return {**reply.data, "total": reply.body["pagination"]["total"]}


def _slugs(client: Client, q: str, **parameters: Any) -> list[str]:
    return [item["slug"] for item in _search(client, q, **parameters)["items"]]


def _create_product(shop: Shop, title: str, **changes: Any) -> dict[str, Any]:
    sku = f"S-{uuid.uuid4().hex[:10].upper()}"
    body = {
        "title": title,
        "status": "active",
        "variants": [{"sku": sku, "price": {"amount": 1999, "currency": "USD"}}],
    }
    created = shop.admin("POST", "/products", body | changes, key=new_key())
    assert created.status == 201, created
    return {**created.data, "sku": sku}


def test_new_product_is_found_with_its_current_data(shop: Shop) -> None:
    guest, word = shop.guest(), _unique_word()
    product = _create_product(shop, f"Mug {word}", brand="Acme")
    path = f"/products/{product['id']}"

    assert eventually(lambda: _slugs(guest, word))
    (item,) = _search(guest, word)["items"]
    assert (item["id"], item["sku"], item["brand"], item["in_stock"]) == (product["id"], product["sku"], "Acme", False)
    assert item["highlights"]["title"] == f"Mug <em>{word}</em>"

    shop.adjust(product["sku"], 3)
    assert eventually(lambda: _slugs(guest, word, in_stock="true"))
    shop.adjust(product["sku"], -3)
    assert eventually(lambda: not _slugs(guest, word, in_stock="true"))

    price = {"amount": 555, "currency": "USD"}
    shop.admin("PATCH", path, {"variants": [{"sku": product["sku"], "price": price}]}, key=new_key())
    assert eventually(lambda: _search(guest, word)["items"][0]["price"] == price)
    assert _slugs(guest, word, max_price=555) == [product["slug"]]

    shop.admin("PATCH", path, {"status": "archived"}, key=new_key())
    assert eventually(lambda: not _slugs(guest, word))
    shop.admin("PATCH", path, {"status": "active"}, key=new_key())
    assert eventually(lambda: _slugs(guest, word))
    shop.admin("DELETE", path, key=new_key())
    assert eventually(lambda: not _slugs(guest, word))


def test_products_are_found_by_vendor_and_attributes(shop: Shop, vendor: Client) -> None:
    guest, word = shop.guest(), _unique_word()
    body = {
        "title": f"Shirt {word}",
        "status": "active",
        "attributes": {"colour": "Red", "wool": True},
        "options": [{"name": "Size", "values": ["S", "L"]}],
        "variants": [
            {"sku": f"{word.upper()}-{size}", "options": {"Size": size}, "price": {"amount": 100, "currency": "USD"}}
            for size in ("S", "L")
        ],
    }
    product = vendor("POST", "/products", body, key=new_key()).data

    assert eventually(lambda: _slugs(guest, word, vendor=product["vendor_id"]) == [product["slug"]])
    for parameters in ({"attr.colour": "red"}, {"attr.wool": "true"}, {"attr.size": "l"}):
        assert _slugs(guest, word, **parameters) == [product["slug"]]
    assert _slugs(guest, word, **{"attr.colour": "blue"}) == []
    assert _slugs(guest, f"{word}-L") == [product["slug"]]
    facets = {facet["field"]: facet for facet in _search(guest, word)["facets"]}
    assert [value["value"] for value in facets["attr.size"]["values"]] == ["L", "S"]


def test_demo_catalogue_is_found_in_spite_of_typos(shop: Shop) -> None:
    guest = shop.guest()

    assert "eyeshadow-palette-with-mirror" in _slugs(guest, "eyeshadow")
    misspelt = _search(guest, "eyshadow palete")
    assert misspelt["did_you_mean"] == "eyeshadow palette"
    assert misspelt["items"][0]["slug"] == "eyeshadow-palette-with-mirror"
    assert all(item["price"]["amount"] <= 50_000 for item in _search(guest, "phone under 500")["items"])


def test_suggestions_match_prefixes(shop: Shop) -> None:
    guest = shop.guest()

    def suggested(kind: str, q: str) -> list[dict[str, Any]]:
        suggestions: list[dict[str, Any]] = guest("GET", "/search/suggest", params={"q": q}).data[kind]
        return suggestions

    products = eventually(lambda: suggested("products", "eyes"))
    assert "eyeshadow-palette-with-mirror" in [product["slug"] for product in products]
    assert set(products[0]) == {"id", "slug", "title", "thumbnail", "price"}
    assert {"slug": "smartphones", "name": "Smartphones"} in suggested("categories", "smartph")


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "x" * 201},
        {"page": 0},
        {"page": 501, "limit": 20},
        {"limit": 101},
        {"sort": "best"},
        {"facets": "Brand;"},
        {"min_price": 5, "max_price": 1},
        {"rating": 6},
        {"attr.BAD": "x"},
        {"colour": "red"},
    ],
)
def test_invalid_search_is_refused(shop: Shop, parameters: dict[str, Any]) -> None:
    reply = shop.guest()("GET", "/search", params=parameters)

    assert (reply.status, reply.code) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "q", ["", " ", "!!!", "\\", '"', "a*b?c", "foo:bar", "(", "日本語", "' or 1=1", "<b>", "%", "under"]
)
def test_any_query_text_is_accepted(shop: Shop, q: str) -> None:
    assert shop.guest()("GET", "/search", params={"q": q, "limit": 1}).status == 200
    assert shop.guest()("GET", "/search/suggest", params={"q": q}).status in ((200,) if q.strip() else (422,))


def test_product_list_has_a_text_search(shop: Shop) -> None:
    listed = lambda: shop.guest()("GET", "/products", params={"q": "eyeshadow palettes"}).data  # noqa: E731

    assert eventually(lambda: [item["slug"] for item in listed()] == ["eyeshadow-palette-with-mirror"])
    assert "sku" not in listed()[0]


def test_tuning_is_for_administrators_and_takes_effect_soon(shop: Shop) -> None:
    guest, word = shop.guest(), _unique_word()
    product = _create_product(shop, f"Kettle {word}")
    assert shop.guest()("GET", "/search/tuning").status == 401
    assert shop.customer()("GET", "/search/tuning").status == 403
    before = shop.admin("GET", "/search/tuning").data
    changes = {name: before[name] for name in ("synonyms", "pinned", "buried", "boosts", "margins", "version")}
    synonym = _unique_word()
    new_tuning = changes | {"synonyms": [*before["synonyms"], f"{synonym} => {word}"]}
    tuning = {name: value for name, value in new_tuning.items() if name != "version"}
    assert eventually(lambda: _slugs(guest, word))

    preview = shop.admin("POST", "/search/tuning/preview", {"q": synonym, "tuning": tuning})

    assert [item["id"] for item in preview.data["after"]] == [product["id"]]
    assert preview.data["before"] == []
    assert _slugs(guest, synonym) == []
    saved = shop.admin("PUT", "/search/tuning", new_tuning)
    assert (saved.status, saved.data["version"]) == (200, before["version"] + 1)
    try:
        assert eventually(lambda: _slugs(guest, synonym) == [product["slug"]])
        assert shop.admin("PUT", "/search/tuning", new_tuning).code == "CONFLICT"
        audit_entries = lambda: shop.admin("GET", "/audit", params={"action": "search_tuning.update", "limit": 1}).data  # noqa: E731
        assert eventually(lambda: audit_entries() and audit_entries()[0]["changes"][0]["field"] == "synonyms")
        refused = shop.admin("PUT", "/search/tuning", new_tuning | {"synonyms": ["alone"]})
        assert (refused.status, refused.error["details"][0]["field"]) == (422, "synonyms.0")
    finally:
        shop.admin("PUT", "/search/tuning", changes | {"version": before["version"] + 1})
