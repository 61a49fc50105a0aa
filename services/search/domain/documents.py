"""Indexed product documents: parts with a version each, merged by the scripts in `engine.scripts`.

| part | source | version |
|---|---|---|
| product fields | products | the product's version |
| availability of each SKU | inventory's `stock_changed`, if it changes | the level's sequence |
| rating | reviews' `rating_changed` | the sequence of the rating |
| units sold in 30 days | analytics' `sales_counted` | the time of the count |

Late and duplicate events are ignored part by part, because their version is not newer than the stored one.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = dict[str, Any]
Level = list[int]
"""Available units when the SKU's availability last changed, and the sequence of that event."""

ARCHIVED: Final = "archived"


def product_part(snapshot: Mapping[str, Any]) -> Document:
    """The product fields of a document. Every field is present, possibly null, to replace the previous value."""
    variants = snapshot["variants"]
    cheapest = min(variants, key=lambda variant: variant["price"]["amount"])
    choices = [
        (name, value)
        for name, values in {**snapshot["attributes"], **_options(snapshot["options"])}.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return {
        "version": snapshot["version"],
        "status": snapshot["status"],
        "title": snapshot["title"],
        "brand": snapshot["brand"],
        "category_id": snapshot["category"] and snapshot["category"]["id"],
        "category_text": snapshot["category_names"],
        "tags": snapshot["tags"],
        "options": [value for option in snapshot["options"] for value in option["values"]],
        "attr_text": [value for _, value in choices if isinstance(value, str)],
        "description": snapshot["description"],
        "skus": [variant["sku"] for variant in variants],
        "sku_names": [variant["sku"] for variant in variants],
        "vendor_id": snapshot["vendor_id"],
        "attr_keys": sorted({attribute_key(name, value) for name, value in choices}),
        "attrs": [f"{name}={value}" for name, value in choices if isinstance(value, str)],
        "price": cheapest["price"]["amount"],
        "created_at": snapshot["created_at"],
        "card": {
            "slug": snapshot["slug"],
            "title": snapshot["title"],
            "brand": snapshot["brand"],
            "category": snapshot["category"],
            "price": cheapest["price"],
            "compare_at_price": cheapest["compare_at_price"],
            "thumbnail": snapshot["thumbnail"],
            "sku": cheapest["sku"],
        },
    }


PRODUCT_FIELDS: Final = (
    *("title", "brand", "category_id", "category_text", "tags", "options", "attr_text", "description", "skus"),
    *("sku_names", "vendor_id", "attr_keys", "attrs", "price", "created_at", "card"),
)


def tombstone(version: int) -> Document:
    """The part of an archived product: its version, so that late events are ignored."""
    return {"version": version, "status": ARCHIVED, **dict.fromkeys(PRODUCT_FIELDS)}


def rating_part(average: float, count: int, sequence: int) -> Document:
    """The rating part. `liked` (0…1) is the average smoothed towards 3 stars for few ratings."""
    liked = max(0.0, (average * count + 3.0 * 3) / (count + 3) - 1) / 4 if count else 0.5
    return {"rating": average, "rating_count": count, "rating_sequence": sequence, "liked": round(liked, 4)}


def sales_part(units: int, counted_at_ms: int) -> Document:
    """The sales part. `sold` (0…1) grows logarithmically: 0.5 for 30 units in 30 days, near 1 for thousands."""
    return {"units_30d": units, "sold": round(1 - 1 / (1 + math.log2(1 + units) / 5), 4), "sold_at": counted_at_ms}


def levels_of(snapshot: Mapping[str, Any]) -> dict[str, Level]:
    """The stock levels of a product snapshot, by SKU."""
    return {
        each["sku"]: [each["available"], each["sequence"]] for each in snapshot["stock"] if int(each["sequence"]) >= 0
    }


def attribute_key(name: str, value: object) -> str:
    """The keyword of an attribute filter, such as `colour=red`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{name}={text.casefold()}"


def _options(options: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Variant options as attributes: Size → size."""
    return {_attribute_name(option["name"]): option["values"] for option in options}


def _attribute_name(name: str) -> str:
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split()) or "option"
