"""Validation of products beyond the shape of their fields, and of who may change them."""

from collections.abc import Iterator, Sequence

from schemas.api.products import ProductWrite
from schemas.api.variants import VariantWrite
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.chassis.common.errors import Forbidden, NotFound, ValidationFailed

Fault = tuple[str, str]


def check(product: ProductWrite) -> None:
    """Raises `ValidationFailed` naming every error."""
    faults = [*_option_faults(product), *_variant_faults(product), *_alt_faults(product)]
    if faults:
        field, message = faults[0]
        raise ValidationFailed(
            f"{field}: {message}", [{"field": field, "message": message} for field, message in faults]
        )


def _option_faults(product: ProductWrite) -> Iterator[Fault]:
    for index, option in enumerate(product.options):
        if option.name in {other.name for other in product.options[:index]}:
            yield f"options.{index}.name", "is the name of two options"
        if len(set(option.values)) < len(option.values):
            yield f"options.{index}.values", "names a value twice"


def _alt_faults(product: ProductWrite) -> Iterator[Fault]:
    for address in product.image_alts:
        if address not in product.images:
            yield f"image_alts.{address}", "is not among the images"


def _variant_faults(product: ProductWrite) -> Iterator[Fault]:
    choices = {option.name: set(option.values) for option in product.options}
    currency = product.variants[0].price.currency
    for index, variant in enumerate(product.variants):
        path, before = f"variants.{index}", product.variants[:index]
        yield from _choice_faults(path, variant, choices)
        if variant.sku in {other.sku for other in before}:
            yield f"{path}.sku", "is the SKU of two variants"
        if any(variant.options == other.options for other in before):
            yield f"{path}.options", "is the choice of two variants"
        yield from _price_faults(path, variant, currency)


def _choice_faults(path: str, variant: VariantWrite, choices: dict[str, set[str]]) -> Iterator[Fault]:
    for name, value in variant.options.items():
        if name not in choices:
            yield f"{path}.options.{name}", "is not an option of the product"
        elif value not in choices[name]:
            yield f"{path}.options.{name}", "is not among the values of this option"
    for name in choices:
        if name not in variant.options:
            yield f"{path}.options", f"leaves {name} open"


def _price_faults(place: str, variant: VariantWrite, currency: str) -> Iterator[Fault]:
    if variant.price.currency != currency:
        yield f"{place}.price.currency", "all variants of a product are in one currency"
    if variant.compare_at_price is not None:
        if variant.compare_at_price.currency != currency:
            yield f"{place}.compare_at_price.currency", "all variants of a product are in one currency"
        elif variant.compare_at_price.amount <= variant.price.amount:
            yield f"{place}.compare_at_price", "must be above the price"


def vendor_for(caller: Caller, vendor_id: str | None) -> str | None:
    """The owner of a new product. Raises `Forbidden` for callers who may not sell, or a vendor who names another."""
    if caller.may(Permission.PRODUCTS_MANAGE):
        return vendor_id
    if not caller.may(Permission.PRODUCTS_WRITE) or caller.user_id is None:
        raise Forbidden()
    if vendor_id not in (None, caller.user_id):
        raise Forbidden("A vendor's products are their own", [{"field": "vendor_id", "message": "is not yours"}])
    return caller.user_id


def check_own(caller: Caller, vendor_id: str | None) -> None:
    """Raises `NotFound` for another vendor's product, `Forbidden` for callers who may not change products."""
    if caller.may(Permission.PRODUCTS_MANAGE):
        return
    if not caller.may(Permission.PRODUCTS_WRITE) or caller.user_id is None:
        raise Forbidden()
    if vendor_id != caller.user_id:
        raise NotFound("There is no such product")


def check_move(slug: str, parent_path: Sequence[str]) -> None:
    """Raises `ValidationFailed` for a category that would be moved below itself."""
    if slug in parent_path:
        raise ValidationFailed.of("parent", "is the category itself or lies below it")
