"""A product as it is indexed: parts, each with a version of its own, put together by a script that guards them.

| part | from | guarded by |
|---|---|---|
| all that its editor wrote | products | the product's version |
| whether there is something of each SKU | inventory's `stock_changed`, if it turns that | the level's sequence |
| its rating | reviews' `rating_changed` | the sequence of the rating |
| what was sold of it lately | analytics' `sales_counted` | the moment of the count |

Late and doubled news loses against the version that is there, whatever else of the document is newer.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = dict[str, Any]
Level = list[int]
"""Available units when the SKU last came or went, and the sequence of the news that says so."""

GONE: Final = "archived"

MERGE: Final = """
def s = ctx._source;
boolean changed = false;
if (s.levels == null) { s.levels = new HashMap(); }
if (params.product != null && (s.version == null || params.product.version > s.version)) {
  s.putAll(params.product);
  changed = true;
}
for (entry in params.levels.entrySet()) {
  def known = s.levels.get(entry.getKey());
  if (known == null || entry.getValue().get(1) > known.get(1)) {
    s.levels.put(entry.getKey(), entry.getValue());
    changed = true;
  }
}
if (params.rating != null) {
  def known = s.rating_sequence == null ? -1L : s.rating_sequence;
  if (params.rating.rating_sequence > known || (changed && params.rating.rating_sequence == 0 && known == 0)) {
    s.putAll(params.rating);
    changed = true;
  }
}
if (params.sales != null && (s.sold_at == null || params.sales.sold_at > s.sold_at)) {
  s.putAll(params.sales);
  changed = true;
}
if (!changed) { ctx.op = 'none'; return; }
boolean there = false;
if (s.sku_names != null) {
  for (sku in s.sku_names) {
    def level = s.levels.get(sku);
    if (level != null && level.get(0) > 0) { there = true; }
  }
}
s.in_stock = there;
s.touched_at = params.touched_at;
"""
"""Painless; compiled once, since only its parameters differ."""

RECORD: Final = """
def s = ctx._source;
if (s.products == null) { s.products = new ArrayList(); }
boolean changed = false;
if (params.level != null && (s.level == null || params.level.get(1) > s.level.get(1))) {
  s.level = params.level;
  changed = true;
}
if (params.product_id != null && !s.products.contains(params.product_id)) {
  s.products.add(params.product_id);
  changed = true;
}
if (!changed) { ctx.op = 'none'; }
"""
"""What is known of a SKU: its level, and every product that ever had it."""


def merge(
    *,
    touched_at: int,
    product: Document | None = None,
    levels: Mapping[str, Level] | None = None,
    rating: Document | None = None,
    sales: Document | None = None,
) -> Document:
    """The body of an update that brings these parts."""
    params = {"product": product, "levels": levels or {}, "rating": rating, "sales": sales, "touched_at": touched_at}
    return _scripted(MERGE, params)


def record(level: Level | None = None, product_id: str | None = None) -> Document:
    """The body of an update of what is known of a SKU."""
    return _scripted(RECORD, {"level": level, "product_id": product_id})


def _scripted(source: str, params: Document) -> Document:
    script = {"source": source, "lang": "painless", "params": params}
    return {"scripted_upsert": True, "upsert": {}, "script": script}


def product_part(snapshot: Mapping[str, Any]) -> Document:
    """What is indexed of what the editor wrote. Each field is there, if only as null: it replaces what was before."""
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


EMPTY: Final = (
    *("title", "brand", "category_id", "category_text", "tags", "options", "attr_text", "description", "skus"),
    *("sku_names", "vendor_id", "attr_keys", "attrs", "price", "created_at", "card"),
)


def tombstone(version: int) -> Document:
    """What stays of a product that is gone: enough to refuse late news of it."""
    return {"version": version, "status": GONE, **dict.fromkeys(EMPTY)}


def rating_part(average: float, count: int, sequence: int) -> Document:
    """`liked` is 0…1: a single five-star rating says less than a hundred of four and a half."""
    liked = max(0.0, (average * count + 3.0 * 3) / (count + 3) - 1) / 4 if count else 0.5
    return {"rating": average, "rating_count": count, "rating_sequence": sequence, "liked": round(liked, 4)}


def sales_part(units: int, counted_at_ms: int) -> Document:
    """`sold` is 0…1: 0 for none, 0.5 for thirty, close to 1 for thousands in 30 days."""
    return {"units_30d": units, "sold": round(1 - 1 / (1 + math.log2(1 + units) / 5), 4), "sold_at": counted_at_ms}


def levels_of(snapshot: Mapping[str, Any]) -> dict[str, Level]:
    """What the catalogue knows of the stock: perhaps less new than what we heard ourselves, perhaps newer."""
    return {
        each["sku"]: [each["available"], each["sequence"]] for each in snapshot["stock"] if int(each["sequence"]) >= 0
    }


def attribute_key(name: str, value: object) -> str:
    """One entry that attribute filters look for: `colour=red`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{name}={text.casefold()}"


def _options(options: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Variants' options count as attributes: Size → size."""
    return {_attribute_name(option["name"]): option["values"] for option in options}


def _attribute_name(name: str) -> str:
    return "_".join("".join(char if char.isalnum() else " " for char in name.casefold()).split()) or "option"
