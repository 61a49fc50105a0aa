"""The product list over HTTP: filters, sorting and paging over a fixed set of products."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.shop import Shop, eventually, new_key

# title, price, stock, rating, colour, category below the root
PRODUCTS = [
    ("Apron", 900, 0, 3.5, "red", "linen"),
    ("Bowl", 500, 9, 4.5, "blue", "pottery"),
    ("Cup", 300, 9, 4.0, "red", "pottery"),
    ("Dish", 700, 0, 5.0, "blue", "pottery"),
    ("Egg cup", 100, 9, 2.0, "red", "pottery"),
    ("Fork", 300, 9, 4.5, "steel", "cutlery"),
    ("Glass", 400, 9, 1.0, "clear", "glass"),
]


@dataclass
class ProductList:
    """The product list restricted to one brand, so that other products don't interfere."""

    shop: Shop
    brand: str
    root: str

    def __call__(self, **query: Any) -> Any:
        return self.shop.guest()("GET", "/products", params={"brand": self.brand} | query)

    def titles(self, **query: Any) -> list[str]:
        return [item["title"] for item in self(**query).data]


@pytest.fixture(scope="module")
def product_list(shop: Shop) -> ProductList:
    name = new_key()[:8]
    brand, root = f"Brand {name}", f"Root {name}"
    rows = [
        {
            "title": title,
            "slug": f"{title.lower().replace(' ', '-')}-{name}",
            "external_id": f"{name}-{title}",
            "brand": brand,
            "category": f"{root}/{category} {name}",
            "attributes": {"colour": colour},
            "rating": {"average": rating, "count": 10},
            "variants": [{"sku": f"{name}-{title[0]}", "price": {"amount": price, "currency": "USD"}, "stock": stock}],
        }
        for title, price, stock, rating, colour, category in PRODUCTS
    ]
    report = shop.admin("POST", "/products/import", {"products": rows})
    assert report.data["created"] == len(PRODUCTS), report
    products = ProductList(shop, brand, f"root-{name}")
    assert eventually(lambda: len(products(in_stock=True).data) == 5)
    shop.adjust(f"{name}-A", 1)
    assert eventually(lambda: len(products(in_stock=True).data) == 6)
    shop.adjust(f"{name}-A", -1)
    assert eventually(lambda: products(in_stock=True).body["pagination"]["total"] == 5)
    return products


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ("title", ["Apron", "Bowl", "Cup", "Dish", "Egg cup", "Fork", "Glass"]),
        ("price", ["Egg cup", "Cup", "Fork", "Glass", "Bowl", "Dish", "Apron"]),
        ("-price", ["Apron", "Dish", "Bowl", "Glass", "Fork", "Cup", "Egg cup"]),
        ("-rating", ["Dish", "Fork", "Bowl", "Cup", "Apron", "Egg cup", "Glass"]),
    ],
)
def test_product_list_is_sorted(product_list: ProductList, sort: str, titles: list[str]) -> None:
    values = {title: (price, rating) for title, price, _, rating, _, _ in PRODUCTS}

    listed = product_list.titles(sort=sort)

    assert sorted(listed) == sorted(titles)
    if sort == "title":
        assert listed == titles
    else:
        index = 1 if sort == "-rating" else 0
        assert [values[title][index] for title in listed] == [values[title][index] for title in titles]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"min_price": 400}, ["Apron", "Bowl", "Dish", "Glass"]),
        ({"max_price": 300}, ["Cup", "Egg cup", "Fork"]),
        ({"min_price": 300, "max_price": 300}, ["Cup", "Fork"]),
        ({"in_stock": "true"}, ["Bowl", "Cup", "Egg cup", "Fork", "Glass"]),
        ({"in_stock": "false"}, ["Apron", "Dish"]),
        ({"rating": "4.5"}, ["Bowl", "Dish", "Fork"]),
        ({"attr.colour": "red"}, ["Apron", "Cup", "Egg cup"]),
        ({"attr.colour": "blue", "in_stock": "true", "max_price": 600}, ["Bowl"]),
        ({"attr.colour": "green"}, []),
        ({"category": "{root}"}, ["Apron", "Bowl", "Cup", "Dish", "Egg cup", "Fork", "Glass"]),
        ({"category": "{pottery}"}, ["Bowl", "Cup", "Dish", "Egg cup"]),
        ({"category": "no-such-category"}, []),
        ({"vendor": "0197b1c8-7a5e-7cc0-9f00-000000000001"}, []),
    ],
)
def test_product_list_is_filtered(product_list: ProductList, query: dict[str, Any], titles: list[str]) -> None:
    if "category" in query:
        pottery = next(item for item in product_list().data if item["title"] == "Bowl")["category"]["slug"]
        query = {"category": query["category"].format(root=product_list.root, pottery=pottery)}

    page = product_list(sort="title", **query)

    assert [item["title"] for item in page.data] == titles
    assert page.body["pagination"]["total"] == len(titles)


def test_brand_filter_ignores_case(product_list: ProductList) -> None:
    assert len(product_list(brand=product_list.brand.upper()).data) == len(PRODUCTS)


def test_pages_are_consecutive(product_list: ProductList) -> None:
    pages = [product_list(sort="price", page=number, limit=3) for number in (1, 2, 3, 4)]

    assert [len(page.data) for page in pages] == [3, 3, 1, 0]
    assert [item["id"] for page in pages for item in page.data] == [
        item["id"] for item in product_list(sort="price").data
    ]
    first = pages[0].body["pagination"]
    assert {name: first[name] for name in ("page", "limit", "total", "totalPages")} == {
        "page": 1,
        "limit": 3,
        "total": 7,
        "totalPages": 3,
    }
    assert "nextCursor" not in pages[2].body["pagination"]


@pytest.mark.parametrize("sort", ["title", "price", "-price", "-rating", "-created_at"])
def test_cursor_visits_every_product_once(product_list: ProductList, sort: str) -> None:
    ids: list[str] = []
    query: dict[str, Any] = {}

    for _ in range(10):
        page = product_list(sort=sort, limit=2, **query)
        ids += [item["id"] for item in page.data]
        if not (cursor := page.body["pagination"].get("nextCursor")):
            break
        query = {"cursor": cursor}

    assert ids == [item["id"] for item in product_list(sort=sort).data]
    assert len(ids) == len(PRODUCTS)


def test_cursor_of_another_sort_order_is_refused(product_list: ProductList) -> None:
    cursor = product_list(sort="price", limit=2).body["pagination"]["nextCursor"]

    refused = product_list(sort="title", limit=2, cursor=cursor)

    assert (refused.status, refused.error["details"][0]["field"]) == (422, "cursor")


def test_category_tree_has_children_and_parents(product_list: ProductList) -> None:
    tree = product_list.shop.guest()("GET", "/categories").data

    root = next(node for node in tree if node["slug"] == product_list.root)
    assert sorted(child["name"].split()[0] for child in root["children"]) == ["cutlery", "glass", "linen", "pottery"]
    assert {child["parent"] for child in root["children"]} == {product_list.root}
    pottery = next(child for child in root["children"] if child["name"].startswith("pottery"))
    assert product_list.shop.guest()("GET", f"/categories/{pottery['slug']}").data["ancestors"] == [product_list.root]
