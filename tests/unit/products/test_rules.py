"""Rules for products: validity, slugs, categories, attributes, tax rates and permissions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.api.products import ProductPatch, ProductQuery, ProductWrite
from schemas.caller import Caller
from services.chassis.common.errors import Forbidden, NotFound, PreconditionFailed, ValidationFailed
from services.chassis.common.versions import check_version
from services.products.domain.checks import check, check_move, check_own, vendor_for
from services.products.domain.naming import attribute_keys, category_path, slug_with, slugify
from services.products.domain.tax import rate
from services.products.store import listing

VENDOR = Caller(user_id="0197a000-0000-7000-8000-00000000000a", roles=["CUSTOMER", "VENDOR"])
ADMIN = Caller(user_id="0197a000-0000-7000-8000-00000000000b", roles=["ADMIN"])


def variant(sku: str, amount: int = 1000, currency: str = "USD", **fields: Any) -> dict[str, Any]:
    return {"sku": sku, "price": {"amount": amount, "currency": currency}, **fields}


def product(*variants: dict[str, Any], **fields: Any) -> ProductWrite:
    return ProductWrite.model_validate({"title": "Shirt", "status": "active", "variants": list(variants), **fields})


def invalid_fields(body: ProductWrite) -> list[str]:
    """The fields that the check names; none for a valid product."""
    try:
        check(body)
    except ValidationFailed as refused:
        return [detail["field"] for detail in refused.details]
    return []


SIZES = [{"name": "Size", "values": ["S", "M"]}]


def test_product_with_one_variant_per_choice_is_valid() -> None:
    sizes = product(variant("A", options={"Size": "S"}), variant("B", options={"Size": "M"}), options=SIZES)

    assert invalid_fields(product(variant("A"))) == []
    assert invalid_fields(sizes) == []


def test_every_invalid_field_is_named() -> None:
    body = product(
        variant("A", options={"Size": "XL"}),
        variant("A", options={"Size": "XL", "Colour": "red"}, currency="EUR"),
        variant("B", compare_at_price={"amount": 1000, "currency": "USD"}),
        options=SIZES,
    )

    assert invalid_fields(body) == [
        "variants.0.options.Size",
        "variants.1.options.Size",
        "variants.1.options.Colour",
        "variants.1.sku",
        "variants.1.price.currency",
        "variants.2.options",
        "variants.2.compare_at_price",
    ]


def test_variants_must_differ_in_their_options() -> None:
    assert invalid_fields(product(variant("A"), variant("B"))) == ["variants.1.options"]


def test_options_and_their_values_are_distinct() -> None:
    options = [{"name": "Size", "values": ["S", "S"]}, {"name": "Size", "values": ["S"]}]

    assert invalid_fields(product(variant("A", options={"Size": "S"}), options=options)) == [
        "options.0.values",
        "options.1.name",
    ]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Crème brûlée, 4 pieces", "creme-brulee-4-pieces"),
        ("  Straße 7 ", "strasse-7"),
        ("日本", "item"),
        ("a" * 300, "a" * 120),
    ],
)
def test_slug_is_plain_ascii(text: str, slug: str) -> None:
    assert slugify(text) == slug


@given(st.text(max_size=300))
def test_every_text_has_a_valid_slug(text: str) -> None:
    query = ProductQuery(category=slugify(text))
    assert query.category
    assert len(slug_with(slugify(text), "0197a000-0000-7000-8000-00000000000a")) <= 120


def test_category_path_has_slug_and_name_of_each_level() -> None:
    assert category_path("Home & Garden/Kitchen") == [("home-garden", "Home & Garden"), ("kitchen", "Kitchen")]
    assert category_path("kitchen-accessories") == [("kitchen-accessories", "Kitchen accessories")]


def test_attribute_keys_ignore_type_and_case() -> None:
    keys = attribute_keys({"colour": ["Red", "BLUE"], "waterproof": True, "screen": 6.5})
    assert keys == ["colour=red", "colour=blue", "waterproof=true", "screen=6.5"]


def test_tax_rate_of_region_precedes_country() -> None:
    rates = {("US", "CA", "standard"): 725, ("DE", None, "standard"): 1900, ("DE", None, "reduced"): 700}

    assert rate(rates, "US", "CA", "standard") == 725
    assert rate(rates, "US", "us-ca", "standard") == 725
    assert rate(rates, "US", "US-CA", "standard") == 725
    assert rate(rates, "US", "OR", "standard") == 0
    assert rate(rates, "DE", "BY", "reduced") == 700
    assert rate(rates, "DE", None, "zero") == 0
    assert rate(rates, None, None, "standard") == 0


def test_vendor_of_a_product_is_checked() -> None:
    assert vendor_for(ADMIN, VENDOR.user_id) == VENDOR.user_id
    assert vendor_for(VENDOR, None) == VENDOR.user_id
    with pytest.raises(Forbidden):
        vendor_for(VENDOR, ADMIN.user_id)
    with pytest.raises(Forbidden):
        vendor_for(Caller(user_id="x", roles=["CUSTOMER"]), None)


def test_product_of_another_vendor_is_not_found() -> None:
    check_own(ADMIN, "anybody")
    check_own(VENDOR, VENDOR.user_id)
    with pytest.raises(NotFound):
        check_own(VENDOR, "another")
    with pytest.raises(Forbidden):
        check_own(Caller(), None)


def test_stale_version_is_refused() -> None:
    check_version(None, 3)
    check_version(3, 3)
    with pytest.raises(PreconditionFailed):
        check_version(2, 3)


def test_category_is_not_moved_under_itself() -> None:
    check_move("a", ["b"])
    with pytest.raises(ValidationFailed):
        check_move("a", ["b", "a"])


def test_attribute_filters_are_parsed_from_the_query() -> None:
    query = ProductQuery.model_validate({"attr.colour": "Red", "in_stock": "true", "min_price": "5"})

    assert listing.conditions(query, ["active"]) == {
        "status": "active",
        "attrs": "colour=red",
        "price": {"$gte": 5},
        "in_stock": True,
    }


def test_patch_without_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one field"):
        ProductPatch.model_validate({})
