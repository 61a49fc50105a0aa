"""Changes of a product's parts: one variant, the options, one image.

Each gives the product as it is to be stored, or raises pydantic's `ValidationError`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from schemas.api.product_parts import ImageWrite, OptionsWrite, VariantPatch
from schemas.api.products import ProductWrite
from schemas.api.variants import VariantWrite
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.chassis.common.errors import DomainError, InvalidState, NotFound, ValidationFailed
from services.products.domain.documents import Document, to_write

_VARIANT: Final = re.compile(r"^variants\.\d+\.")


def add_variant(before: Document, variant: VariantWrite) -> ProductWrite:
    """Add a variant as the last one."""
    values = to_write(before)
    return ProductWrite.model_validate(values | {"variants": [*values["variants"], variant.model_dump()]})


def change_variant(before: Document, sku: str, patch: VariantPatch) -> ProductWrite:
    """Change the given fields of a variant; a title made of its options follows them. Raises `NotFound`."""
    values = to_write(before)
    variant = _variant(values, sku)
    changes = patch.model_dump(exclude_unset=True)
    if "options" in changes and "title" not in changes:
        _drop_default_title(variant, values["title"])
    variant.update(changes)
    return ProductWrite.model_validate(values)


def remove_variant(before: Document, sku: str) -> ProductWrite:
    """Remove a variant. Raises `NotFound`, and `InvalidState` for the last one."""
    values = to_write(before)
    variant = _variant(values, sku)
    if len(values["variants"]) == 1:
        raise InvalidState("A product has at least one variant: delete the product, or archive it")
    values["variants"].remove(variant)
    return ProductWrite.model_validate(values)


def replace_options(before: Document, options: OptionsWrite) -> ProductWrite:
    """Replace the options: variants lose the choice of a removed one, and take the first value of a new one."""
    values = to_write(before)
    values["options"] = [option.model_dump() for option in options.options]
    for variant in values["variants"]:
        _drop_default_title(variant, values["title"])
        chosen = variant["options"]
        variant["options"] = {option.name: chosen.get(option.name, option.values[0]) for option in options.options}
    return ProductWrite.model_validate(values)


def add_image(before: Document, address: str, image: ImageWrite) -> ProductWrite:
    """Add an image at a position, by default as the last one; one that is there is moved."""
    values = to_write(before)
    images = [other for other in values["images"] if other != address]
    images.insert(len(images) if image.position is None else image.position, address)
    if values["thumbnail"] in (None, *values["images"][:1]):
        values["thumbnail"] = None  # it was the first image, and is again
    if image.alt is not None:
        values["image_alts"] = values["image_alts"] | {address: image.alt}
    return ProductWrite.model_validate(values | {"images": images})


def remove_image(before: Document, address: str) -> ProductWrite:
    """Remove an image. Raises `NotFound`."""
    values = to_write(before)
    if address not in values["images"]:
        raise NotFound("The product has no such image")
    if values["thumbnail"] in (address, values["images"][0]):
        values["thumbnail"] = None
    values["images"].remove(address)
    values["image_alts"].pop(address, None)
    return ProductWrite.model_validate(values)


def check_picture(purpose: str, private: bool, width: int | None, owner_id: str, caller: Caller) -> None:
    """Raises `ValidationFailed` for a file that can't be the image of a product of this caller."""
    is_own = owner_id == caller.user_id or caller.may(Permission.PRODUCTS_MANAGE)
    if not is_own or private or width is None or purpose != "product":
        raise no_picture()


def no_picture() -> ValidationFailed:
    """The error for a file that can't be the image of a product."""
    return ValidationFailed.of("file_id", "is not a public picture of the caller with the purpose `product`")


@contextmanager
def fields_of_variant() -> Iterator[None]:
    """Name the fields of errors as in a request for one variant: `price`, where the product has `variants.3.price`."""
    try:
        yield
    except DomainError as error:
        error.message = _VARIANT.sub("", error.message)
        for detail in error.details:
            if "field" in detail:
                detail["field"] = _VARIANT.sub("", str(detail["field"]))
        raise


def _variant(values: Document, sku: str) -> Document:
    variants: list[Document] = values["variants"]
    for variant in variants:
        if variant["sku"] == sku:
            return variant
    raise NotFound("The product has no such variant")


def _drop_default_title(variant: Document, product_title: str) -> None:
    if variant["title"] in (product_title, " / ".join(variant["options"].values())):
        variant["title"] = None
