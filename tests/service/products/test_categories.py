"""The category tree: order, moving with the subtree, deletion of used categories."""

import pytest

from schemas.api.categories import CategoryWrite
from services.chassis.common.errors import Conflict, NotFound, ValidationFailed
from tests.service.products.conftest import Catalogue


def test_tree_is_nested_and_sorted(catalogue: Catalogue) -> None:
    catalogue.category("home")
    catalogue.category("kitchen", "home")
    catalogue.category("bath", "home")
    catalogue.store.categories.create(CategoryWrite(name="First", position=0))

    tree = catalogue.store.categories.tree()

    assert [node["slug"] for node in tree] == ["first", "home"]
    assert [node["slug"] for node in tree[1]["children"]] == ["bath", "kitchen"]
    assert tree[1]["children"][0]["ancestors"] == ["home"]


def test_category_is_moved_with_its_subtree_and_products(catalogue: Catalogue) -> None:
    catalogue.category("home")
    catalogue.category("kitchen", "home")
    catalogue.category("knives", "kitchen")
    catalogue.category("tools")
    product = catalogue.create(category="knives")

    catalogue.store.categories.replace("kitchen", CategoryWrite(name="Cooking", slug="cooking", parent="tools"))

    assert catalogue.store.categories.get("knives")["ancestors"] == ["tools", "cooking"]
    assert catalogue.titles(category="tools") == catalogue.titles(category="cooking") == ["Mug"]
    assert catalogue.titles(category="home") == []
    catalogue.store.categories.replace("knives", CategoryWrite(name="Blades", parent="cooking"))
    assert catalogue.get(product["id"])["category"]["name"] == "Blades"


def test_category_is_not_moved_below_itself(catalogue: Catalogue) -> None:
    catalogue.category("home")
    catalogue.category("kitchen", "home")

    for parent in ("home", "kitchen"):
        with pytest.raises(ValidationFailed):
            catalogue.store.categories.replace("home", CategoryWrite(name="Home", parent=parent))
    with pytest.raises(ValidationFailed):
        catalogue.category("x", "nowhere")


def test_used_category_cannot_be_deleted(catalogue: Catalogue) -> None:
    catalogue.category("home")
    catalogue.category("kitchen", "home")
    product = catalogue.create(category="kitchen")

    for slug in ("home", "kitchen"):
        with pytest.raises(Conflict):
            catalogue.store.categories.delete(slug)
    catalogue.store.db["products"].delete_one({"_id": product["id"]})
    catalogue.store.categories.delete("kitchen")

    with pytest.raises(NotFound):
        catalogue.store.categories.get("kitchen")


def test_category_slug_is_unique(catalogue: Catalogue) -> None:
    catalogue.category("home")

    with pytest.raises(Conflict):
        catalogue.category("home")
