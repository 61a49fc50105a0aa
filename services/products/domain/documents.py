"""Product documents: the stored form, with ready-made replies and the fields that queries use."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.api.product_import import ImportRating, ImportRow
from schemas.api.products import ProductPatch, ProductWrite
from schemas.api.variants import VariantWrite
from schemas.signed.file_grants import PUBLIC_PATH
from services.products.domain.naming import attribute_keys, brand_key, title_words

Document = dict[str, Any]

STATUSES: Final = ["active", "archived", "draft"]
_WRITTEN_DETAIL: Final = (
    *("description", "images", "tags", "options", "attributes", "seo", "status", "tax_class", "vendor_id"),
    "external_id",
)
NOT_RATED: Document = {"average": 0.0, "count": 0, "histogram": {str(stars): 0 for stars in range(1, 6)}}
NOT_COUNTED = (0, -1)
"""Available units and sequence of a SKU without a stock event."""


@dataclass(frozen=True)
class CategoryFacts:
    """The category of a product."""

    id: str
    slug: str
    name: str
    ancestors: tuple[str, ...]

    @property
    def path(self) -> list[str]:
        return [*self.ancestors, self.slug]

    def to_reference(self) -> Document:
        return {"id": self.id, "slug": self.slug, "name": self.name}


@dataclass(frozen=True)
class Identity:
    """The fields of a product that its editor does not write."""

    id: str
    slug: str
    vendor_id: str | None
    external_id: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    rating: Document
    rating_sequence: int = 0
    """The sequence of the last rating event; 0: imported, or none."""


def build(
    product: ProductWrite,
    identity: Identity,
    category: CategoryFacts | None,
    stock: Mapping[str, tuple[int, int]],
) -> Document:
    """Build the stored document. `stock` is (available, sequence) by SKU."""
    variants = [_variant(product, variant, stock.get(variant.sku, NOT_COUNTED)[0]) for variant in product.variants]
    cheapest = min(variants, key=lambda variant: variant["price"]["amount"])
    in_stock = any(variant["in_stock"] for variant in variants)
    document: Document = {
        "_id": identity.id,
        "version": identity.version,
        "status": product.status,
        "slug": identity.slug,
        "vendor_id": identity.vendor_id,
        "brand_key": brand_key(product.brand),
        "categories": category.path if category else [],
        "price": cheapest["price"]["amount"],
        "rating": float(identity.rating["average"]),
        "rating_sequence": identity.rating_sequence,
        "in_stock": in_stock,
        "attrs": attribute_keys(product.attributes),
        "title_key": product.title.casefold(),
        "words": title_words(product.title, product.brand),
        "created_at": identity.created_at,
        "tax_class": product.tax_class,
        "stock": [
            {"sku": variant.sku, "sequence": stock.get(variant.sku, NOT_COUNTED)[1]} for variant in product.variants
        ],
        "listing": {
            "id": identity.id,
            "slug": identity.slug,
            "title": product.title,
            "brand": product.brand,
            "category": category.to_reference() if category else None,
            "price": cheapest["price"],
            "compare_at_price": cheapest["compare_at_price"],
            "thumbnail": product.thumbnail or (product.images[0] if product.images else None),
            "rating": {name: identity.rating[name] for name in ("average", "count")},
            "in_stock": in_stock,
        },
        "detail": {
            "rating": identity.rating,
            "description": product.description,
            "images": product.images,
            "tags": product.tags,
            "options": [option.model_dump() for option in product.options],
            "attributes": product.attributes,
            "seo": product.seo.model_dump(),
            "status": product.status,
            "tax_class": product.tax_class,
            "vendor_id": identity.vendor_id,
            "external_id": identity.external_id,
            "created_at": _rfc3339(identity.created_at),
            "updated_at": _rfc3339(identity.updated_at),
            "version": identity.version,
        },
        "variants": variants,
    }
    if product.image_alts:
        document["detail"]["image_alts"] = product.image_alts
    if identity.external_id is not None:  # the index on it leaves out what has none
        document["external_id"] = identity.external_id
    return document


def _variant(product: ProductWrite, variant: VariantWrite, available: int) -> Document:
    return {
        "sku": variant.sku,
        "title": variant.title or " / ".join(variant.options.values()) or product.title,
        "options": variant.options,
        "price": variant.price.model_dump(),
        "compare_at_price": variant.compare_at_price.model_dump() if variant.compare_at_price else None,
        "available": available,
        "in_stock": available > 0,
        "weight_g": variant.weight_g,
        "barcode": variant.barcode,
    }


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def to_detail(document: Document) -> Document:
    """The product's API resource."""
    return {"image_alts": {}, **document["listing"], **document["detail"], "variants": document["variants"]}


def audit_fields(document: Document) -> Document:
    """The fields that the audit trail compares: those that editors write."""
    fields = _written(document)
    del fields["external_id"]
    return fields


def to_snapshot(document: Document) -> Document:
    """A product, whole, with the versions of its parts."""
    available = {variant["sku"]: variant["available"] for variant in document["variants"]}
    return {
        **to_detail(document),
        "rating_sequence": document.get("rating_sequence", 0),
        "stock": [{**each, "available": available.get(each["sku"], 0)} for each in document["stock"]],
    }


def to_write(document: Document) -> Document:
    """The stored product as its editor would send it."""
    return {name: copy.copy(value) for name, value in _written(document).items()}


def _written(document: Document) -> Document:
    """The fields that editors write, with the stored values themselves."""
    listing, detail = document["listing"], document["detail"]
    return {
        **{name: detail[name] for name in _WRITTEN_DETAIL},
        "image_alts": detail.get("image_alts", {}),
        "title": listing["title"],
        "slug": listing["slug"],
        "brand": listing["brand"],
        "category": listing["category"] and listing["category"]["slug"],
        "thumbnail": listing["thumbnail"],
        "variants": [
            {name: value for name, value in variant.items() if name not in ("available", "in_stock")}
            for variant in document["variants"]
        ],
    }


def apply_patch(document: Document, patch: ProductPatch) -> ProductWrite:
    """Apply a patch: each field that it sets is replaced as a whole."""
    before, changes = to_write(document), patch.model_dump(exclude_unset=True)
    if "images" in changes and "thumbnail" not in changes:
        before["thumbnail"] = None
    if "images" in changes:
        before["image_alts"] = {url: alt for url, alt in before["image_alts"].items() if url in changes["images"]}
    if "title" in changes and "variants" not in changes:
        for variant in before["variants"]:
            if variant["title"] == before["title"]:
                variant["title"] = None
    return ProductWrite.model_validate(before | changes)


def same_content(one: Document, other: Document) -> bool:
    """Whether two documents differ in version and update time only."""

    def content(document: Document) -> Document:
        detail = {key: value for key, value in document["detail"].items() if key not in ("version", "updated_at")}
        fields = {key: value for key, value in document.items() if key not in ("version", "detail", "created_at")}
        return {**fields, "detail": detail}

    return content(one) == content(other)


def keep_stored_images(row: ImportRow, before: Document) -> ImportRow:
    """Keep the shop's own pictures of a product in an imported row, unless the row has some.

    Files of other shops name addresses there, or none: to import them again must not take our pictures away.
    """
    stored_images = [address for address in before["detail"]["images"] if _is_stored_file(address)]
    if not stored_images or any(map(_is_stored_file, row.images)):
        return row
    return row.model_copy(update={"images": stored_images, "thumbnail": before["listing"]["thumbnail"]})


def _is_stored_file(address: str) -> bool:
    return address.startswith(f"{PUBLIC_PATH}/")


def rating_of(rating: ImportRating | None) -> Document:
    """The rating; an unrated product has an average of 0 from 0 ratings."""
    return {"average": rating.average, "count": rating.count} if rating else {**NOT_RATED}


def event_fields(document: Document, before: Document | None = None) -> Document:
    """The fields of a product's events."""
    old_slug = before["slug"] if before and before["slug"] != document["slug"] else None
    return {
        "product_id": document["_id"],
        "slug": document["slug"],
        "title": document["listing"]["title"],
        "status": document["status"],
        "skus": tuple(variant["sku"] for variant in document["variants"]),
        "vendor_id": document["vendor_id"],
        "brand": document["listing"]["brand"],
        "category": document["categories"][-1] if document["categories"] else None,
        "category_path": tuple(document["categories"]),
        "price": document["price"],
        "currency": document["listing"]["price"]["currency"],
        "old_slug": old_slug,
    }
