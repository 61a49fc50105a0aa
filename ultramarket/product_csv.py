"""CSV lines converted to product import rows."""

import re
from typing import Final

from ultramarket.product_rows import CURRENCY, Row, Unreadable, minor_units

CSV_COLUMNS: Final = """\
Columns of a CSV (first line: their names; UTF-8; * = needed): title*, sku*, price* (19.99), currency (USD),
description, slug, brand, category (path: Home/Kitchen), status (active), compare_at_price (24.99), weight_g, barcode,
stock, tags (a|b), images (url|url), external_id, vendor_id, tax_class; attr.NAME for attributes. A line, a product."""

PLAIN: Final = ("title", "slug", "description", "brand", "category", "status", "external_id", "vendor_id", "tax_class")
COLUMNS: Final = {
    *PLAIN,
    "sku",
    "price",
    "currency",
    "compare_at_price",
    "weight_g",
    "barcode",
    "stock",
    "tags",
    "images",
}


def from_csv(cells: dict[str, str | None]) -> Row:
    """One product with one variant; empty cells are left out. Raises `Unreadable` for an invalid line."""
    values = {name: text.strip() for name, text in cells.items() if name and isinstance(text, str) and text.strip()}
    unknown = [name for name in values if name not in COLUMNS and not name.startswith("attr.")]
    if unknown or None in cells:
        raise Unreadable(f"unknown column {unknown[0]}" if unknown else "more cells than columns")
    for name in ("title", "sku", "price"):
        if name not in values:
            raise Unreadable(f"{name} is missing")
    currency = values.get("currency", CURRENCY)
    variant: Row = {"sku": values["sku"], "price": _money(values["price"], currency)}
    if "compare_at_price" in values:
        variant["compare_at_price"] = _money(values["compare_at_price"], currency)
    for name in ("weight_g", "stock"):
        if name in values:
            variant[name] = _whole(name, values[name])
    if "barcode" in values:
        variant["barcode"] = values["barcode"]
    product: Row = {name: values[name] for name in PLAIN if name in values}
    product |= {"status": values.get("status", "active"), "variants": [variant]}
    for name in ("tags", "images"):
        if name in values:
            product[name] = [part.strip() for part in values[name].split("|") if part.strip()]
    attributes = {name[5:]: text for name, text in values.items() if name.startswith("attr.")}
    if attributes:
        product["attributes"] = attributes
    return product


def _money(text: str, currency: str) -> Row:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text):
        raise Unreadable(f"{text!r} is no price: write 19.99")
    return {"amount": minor_units(text), "currency": currency}


def _whole(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text):
        raise Unreadable(f"{name}: {text!r} is no whole number")
    return int(text)
