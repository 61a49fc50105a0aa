"""Changes of a product's parts: variants, options, images."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import ProductPatch, ProductWrite
from schemas.api.variants import VariantWrite
from schemas.caller import Caller
from services.chassis.common.errors import InvalidState, NotFound, ValidationFailed
from services.chassis.common.ids import derived_id, new_id
from services.products.domain import parts
from services.products.domain.checks import check
from services.products.domain.documents import NOT_RATED, Document, Identity, apply_patch, build, to_detail

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FIRST, SECOND, NEW = (f"/api/v1/files/{derived_id(name)}" for name in ("first", "second", "new"))


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def stored(product: ProductWrite) -> Document:
    check(product)
    return build(product, Identity("id", "mug", None, None, 1, NOW, NOW, NOT_RATED), None, {})


@pytest.fixture
def mug() -> Document:
    return stored(
        ProductWrite.model_validate(
            {
                "title": "Mug",
                "status": "active",
                "options": [{"name": "Colour", "values": ["Red", "Blue"]}],
                "variants": [
                    {"sku": "MUG-R", "options": {"Colour": "Red"}, "price": usd(1200)},
                    {"sku": "MUG-B", "options": {"Colour": "Blue"}, "price": usd(1200), "title": "Sea"},
                ],
                "images": [FIRST, SECOND],
                "image_alts": {FIRST: "A red mug"},
            }
        )
    )


def variants(product: ProductWrite) -> list[tuple[str, str, dict[str, str], int]]:
    document = stored(product)
    return [(v["sku"], v["title"], v["options"], v["price"]["amount"]) for v in document["variants"]]


def test_variant_is_added_last(mug: Document) -> None:
    mug["detail"]["options"][0]["values"].append("Green")
    added = VariantWrite.model_validate({"sku": "MUG-G", "options": {"Colour": "Green"}, "price": usd(900)})

    product = parts.add_variant(mug, added)

    assert variants(product)[2] == ("MUG-G", "Green", {"Colour": "Green"}, 900)
    assert stored(product)["listing"]["price"] == usd(900)


def test_error_of_a_variant_names_its_field(mug: Document) -> None:
    added = VariantWrite.model_validate({"sku": "MUG-G", "options": {"Colour": "Pink"}, "price": usd(900)})

    with pytest.raises(ValidationFailed) as refused, parts.fields_of_variant():
        check(parts.add_variant(mug, added))

    assert refused.value.message == "options.Colour: is not among the values of this option"
    assert refused.value.details[0]["field"] == "options.Colour"


def test_patch_of_a_variant_keeps_other_fields(mug: Document) -> None:
    product = parts.change_variant(mug, "MUG-B", VariantPatch.model_validate({"price": usd(800)}))

    assert variants(product) == [
        ("MUG-R", "Red", {"Colour": "Red"}, 1200),
        ("MUG-B", "Sea", {"Colour": "Blue"}, 800),
    ]


def test_title_made_of_options_follows_them(mug: Document) -> None:
    mug["detail"]["options"][0]["values"].append("Green")
    to_green = VariantPatch.model_validate({"options": {"Colour": "Green"}})

    assert variants(parts.change_variant(mug, "MUG-R", to_green))[0][1] == "Green"
    assert variants(parts.change_variant(mug, "MUG-B", to_green))[1][1] == "Sea"


def test_last_variant_can_not_be_removed(mug: Document) -> None:
    one_left = stored(parts.remove_variant(mug, "MUG-R"))

    assert [variant["sku"] for variant in one_left["variants"]] == ["MUG-B"]
    with pytest.raises(InvalidState):
        parts.remove_variant(one_left, "MUG-B")
    with pytest.raises(NotFound):
        parts.remove_variant(mug, "MUG-X")


def test_variants_follow_new_options(mug: Document) -> None:
    options = OptionsWrite.model_validate(
        {"options": [{"name": "Colour", "values": ["Blue", "Red"]}, {"name": "Size", "values": ["S", "L"]}]}
    )

    assert variants(parts.replace_options(mug, options)) == [
        ("MUG-R", "Red / S", {"Colour": "Red", "Size": "S"}, 1200),
        ("MUG-B", "Sea", {"Colour": "Blue", "Size": "S"}, 1200),
    ]


def test_options_that_no_longer_differ_are_refused(mug: Document) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check(parts.replace_options(mug, OptionsWrite(options=[])))

    assert refused.value.details == [{"field": "variants.1.options", "message": "is the choice of two variants"}]


@pytest.mark.parametrize(
    ("address", "position", "images", "thumbnail"),
    [
        (NEW, None, [FIRST, SECOND, NEW], FIRST),
        (NEW, 0, [NEW, FIRST, SECOND], NEW),
        (NEW, 50, [FIRST, SECOND, NEW], FIRST),
        (SECOND, 0, [SECOND, FIRST], SECOND),
    ],
)
def test_image_is_added_at_its_position(
    mug: Document, address: str, position: int | None, images: list[str], thumbnail: str
) -> None:
    image = ImageWrite(file_id=address.rpartition("/")[2], alt="From above", position=position)

    product = stored(parts.add_image(mug, address, image))

    detail = to_detail(product)
    assert (detail["images"], detail["thumbnail"]) == (images, thumbnail)
    assert detail["image_alts"] == {FIRST: "A red mug", address: "From above"}


def test_image_is_removed_with_its_text(mug: Document) -> None:
    detail = to_detail(stored(parts.remove_image(mug, FIRST)))

    assert (detail["images"], detail["thumbnail"], detail["image_alts"]) == ([SECOND], SECOND, {})
    with pytest.raises(NotFound):
        parts.remove_image(mug, NEW)


def test_texts_of_images_follow_the_images(mug: Document) -> None:
    assert apply_patch(mug, ProductPatch(images=[SECOND])).image_alts == {}
    with pytest.raises(ValidationFailed, match="is not among the images"):
        check(apply_patch(mug, ProductPatch(image_alts={NEW: "A green mug"})))


def test_product_has_at_most_fifty_images(mug: Document) -> None:
    mug["detail"]["images"] = [f"/api/v1/files/{number}" for number in range(50)]

    with pytest.raises(ValidationError, match="at most 50"):
        parts.add_image(mug, NEW, ImageWrite(file_id=new_id()))


@pytest.mark.parametrize(
    "file",
    [
        {"owner_id": "another"},
        {"private": True},
        {"width": None},
        {"purpose": "review"},
    ],
)
def test_only_own_public_pictures_are_taken(file: dict[str, Any]) -> None:
    caller = Caller(user_id="me", roles=["VENDOR"])
    good: dict[str, Any] = {"purpose": "product", "private": False, "width": 800, "owner_id": "me"}
    parts.check_picture(**good, caller=caller)

    with pytest.raises(ValidationFailed) as refused:
        parts.check_picture(**good | file, caller=caller)

    assert refused.value.details[0]["field"] == "file_id"
