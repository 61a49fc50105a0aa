"""Creating, changing and deleting products: uniqueness, versions, ownership, events, idempotency."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.api.products import ProductPatch, ProductWrite
from schemas.base import Idempotency
from services.chassis.common.errors import (
    Conflict,
    DomainError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
)
from services.products.domain.documents import apply_patch
from tests.service.products.conftest import ADMIN, OTHER_VENDOR, VENDOR, Catalogue, fields


def patch(catalogue: Catalogue, product_id: str, caller: Any = ADMIN, version: int | None = None, **values: Any) -> Any:
    patch_ = ProductPatch.model_validate(values)
    return catalogue.store.commands.change(
        product_id, lambda before: apply_patch(before, patch_), caller, version, catalogue.now(), None
    )


def replace(catalogue: Catalogue, product_id: str, **values: Any) -> Any:
    product = ProductWrite.model_validate(fields(**values))
    return catalogue.store.commands.change(product_id, lambda _: product, ADMIN, None, catalogue.now(), None)


def test_created_product_is_read_as_written(catalogue: Catalogue) -> None:
    catalogue.category("kitchen")
    created = catalogue.create(
        title="Mug, blue",
        brand="Potter",
        category="kitchen",
        images=["https://cdn.example/mug.webp"],
        attributes={"colour": "blue", "microwave": True},
        options=[{"name": "Size", "values": ["S", "L"]}],
        variants=[
            {
                "sku": "M-S",
                "price": {"amount": 900, "currency": "USD"},
                "compare_at_price": {"amount": 1200, "currency": "USD"},
                "options": {"Size": "S"},
            },
            {"sku": "M-L", "price": {"amount": 1100, "currency": "USD"}, "options": {"Size": "L"}, "weight_g": 400},
        ],
    )

    assert catalogue.get(created["id"]) == catalogue.get("mug-blue") == created
    assert created["price"] == {"amount": 900, "currency": "USD"}
    assert created["compare_at_price"] == {"amount": 1200, "currency": "USD"}
    assert created["thumbnail"] == "https://cdn.example/mug.webp"
    assert created["category"]["slug"] == "kitchen"
    assert created["in_stock"] is False
    assert created["version"] == 1
    assert [variant["title"] for variant in created["variants"]] == ["S", "L"]
    assert catalogue.published_events() == [("category_changed", None), ("product_created", 1)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sku": "MUG-1", "slug": "another"}, "variants.0.sku"),
        ({"sku": "MUG-2", "slug": "mug"}, "slug"),
        ({"sku": "MUG-2", "slug": "another", "external_id": "e1"}, "external_id"),
    ],
)
def test_duplicate_identifier_is_refused_by_field(catalogue: Catalogue, values: dict[str, Any], field: str) -> None:
    catalogue.create(external_id="e1")

    with pytest.raises(Conflict) as refused:
        catalogue.create(**values)

    assert refused.value.details[0]["field"] == field
    assert catalogue.store.db["products"].count_documents({}) == 1


def test_duplicate_title_gets_a_different_slug(catalogue: Catalogue) -> None:
    first, second = catalogue.create(sku="A"), catalogue.create(sku="B")

    assert first["slug"] == "mug"
    assert second["slug"].startswith("mug-")


def test_unknown_category_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(ValidationFailed) as refused:
        catalogue.create(category="nowhere")

    assert refused.value.details[0]["field"] == "category"


def test_change_creates_a_version_and_an_event(catalogue: Catalogue) -> None:
    product = catalogue.create()

    changed = patch(catalogue, product["id"], title="Cup", version=1)

    assert (changed["title"], changed["version"]) == ("Cup", 2)
    assert changed["variants"][0]["title"] == "Cup"
    assert changed["slug"] == "mug"
    assert changed["created_at"] == product["created_at"] < changed["updated_at"]
    assert catalogue.published_events()[-1] == ("product_updated", 2)


def test_change_without_difference_creates_no_version(catalogue: Catalogue) -> None:
    product = catalogue.create(tags=["a"])

    assert patch(catalogue, product["id"], title="Mug", tags=["a"]) == product
    assert replace(catalogue, product["id"], tags=["a"]) == product
    assert catalogue.published_events() == [("product_created", 1)]


def test_stale_version_is_refused(catalogue: Catalogue) -> None:
    product = catalogue.create()
    patch(catalogue, product["id"], title="Cup")

    with pytest.raises(PreconditionFailed):
        patch(catalogue, product["id"], title="Jar", version=1)
    assert catalogue.get(product["id"])["title"] == "Cup"


def test_concurrent_changes_of_one_version_succeed_once(catalogue: Catalogue) -> None:
    product = catalogue.create()

    def attempt(index: int) -> str:
        try:
            patch(catalogue, product["id"], title=f"Mug {index}", version=1)
        except PreconditionFailed:
            return "stale"
        return "done"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))

    assert outcomes.count("done") == 1
    assert catalogue.get(product["id"])["version"] == 2


def test_archiving_publishes_event_and_hides_product(catalogue: Catalogue) -> None:
    product = catalogue.create()

    patch(catalogue, product["id"], status="archived")

    assert catalogue.published_events()[-1] == ("product_archived", 2)
    assert catalogue.titles() == []


def test_vendor_changes_own_products_only(catalogue: Catalogue) -> None:
    product = catalogue.create(caller=VENDOR)

    assert product["vendor_id"] == VENDOR.user_id
    assert patch(catalogue, product["id"], VENDOR, title="Cup")["title"] == "Cup"
    with pytest.raises(NotFound):
        patch(catalogue, product["id"], OTHER_VENDOR, title="Jar")
    with pytest.raises(NotFound):
        catalogue.store.commands.delete(product["id"], OTHER_VENDOR, None, None)
    with pytest.raises(Forbidden):
        patch(catalogue, product["id"], VENDOR, vendor_id=OTHER_VENDOR.user_id)
    assert patch(catalogue, product["id"], ADMIN, vendor_id=OTHER_VENDOR.user_id)["vendor_id"] == OTHER_VENDOR.user_id


def test_deleted_product_is_not_found_and_frees_its_sku(catalogue: Catalogue) -> None:
    product = catalogue.create()

    catalogue.store.commands.delete(product["id"], ADMIN, 1, None)

    with pytest.raises(NotFound):
        catalogue.get(product["id"])
    with pytest.raises(NotFound):
        catalogue.store.commands.delete(product["id"], ADMIN, None, None)
    assert catalogue.published_events()[-1] == ("product_archived", 2)
    assert catalogue.create()["slug"] == "mug"


def test_sku_of_a_deleted_product_stays_with_its_seller(catalogue: Catalogue) -> None:
    deleted = catalogue.create(caller=VENDOR)
    catalogue.store.stock.record({"MUG-1": (5, 3)})
    catalogue.store.commands.delete(deleted["id"], VENDOR, None, None)
    other = catalogue.create(sku="OTHER", slug="other", caller=OTHER_VENDOR)
    variants = [variant for sku in ("OTHER", "MUG-1") for variant in fields(sku=sku)["variants"]]
    options = [{"name": "Size", "values": ["S", "L"]}]
    sizes = [variant | {"options": {"Size": size}} for variant, size in zip(variants, "SL", strict=True)]

    refusals = []
    for attempt in (
        lambda: catalogue.create(caller=OTHER_VENDOR),
        lambda: catalogue.create(caller=ADMIN),
        lambda: patch(catalogue, other["id"], OTHER_VENDOR, variants=sizes, options=options),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        refusals.append([detail["field"] for detail in refused.value.details])
    again = catalogue.create(caller=VENDOR)

    assert refusals == [["variants.0.sku"], ["variants.0.sku"], ["variants.1.sku"]]
    assert [variant["available"] for variant in again["variants"]] == [0]
    [imported] = catalogue.load(fields(sku="OTHER-2") | {"slug": "n", "variants": fields(sku="MUG-1")["variants"]})
    assert (imported.status, imported.field) == ("refused", "variants.0.sku")


def test_sku_dropped_from_a_product_stays_with_its_seller(catalogue: Catalogue) -> None:
    product = catalogue.create(caller=VENDOR)
    catalogue.store.stock.record({"MUG-1": (5, 3)})
    patch(catalogue, product["id"], VENDOR, variants=fields(sku="MUG-2")["variants"])

    with pytest.raises(Conflict):
        catalogue.create(caller=OTHER_VENDOR, slug="theirs")
    [imported] = catalogue.load(fields() | {"slug": "ours"})
    restored = patch(catalogue, product["id"], VENDOR, variants=fields(sku="MUG-1")["variants"])

    assert (imported.status, imported.field) == ("refused", "variants.0.sku")
    assert [(variant["sku"], variant["available"]) for variant in restored["variants"]] == [("MUG-1", 5)]


def test_concurrent_requests_with_one_key_create_one_product(catalogue: Catalogue) -> None:
    product = ProductWrite.model_validate(fields())
    key = Idempotency(owner="admin", key="k1", fingerprint="f1")

    def attempt(_: int) -> Any:
        try:
            return catalogue.store.commands.create(product, ADMIN, catalogue.now(), key)["id"]
        except DomainError as refused:
            return refused.code

    with ThreadPoolExecutor(8) as pool:
        replies = set(pool.map(attempt, range(8)))

    assert catalogue.store.db["products"].count_documents({}) == 1
    assert replies - {"IDEMPOTENCY_IN_PROGRESS"} == {attempt(0)}
    assert catalogue.published_events() == [("product_created", 1)]


def test_concurrent_products_with_one_sku_are_one_product(catalogue: Catalogue) -> None:
    def attempt(index: int) -> str:
        try:
            catalogue.create(slug=f"mug-{index}")
        except Conflict:
            return "conflict"
        return "created"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))

    assert sorted(set(outcomes)) == ["conflict", "created"]
    assert outcomes.count("created") == 1
