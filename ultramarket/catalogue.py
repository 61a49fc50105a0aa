"""Turn files of products into rows of the public import (`schemas.api.product_import.ImportRow`): pure functions.

Two shapes of a row are understood: an import row as it is, and a row of the demo catalogue (DummyJSON).
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

CURRENCY: Final = "USD"
GRAMS_PER_WEIGHT: Final = 100
"""DummyJSON's weights run from 1 to 10 without a unit; as hundreds of grams they fit a shop's parcels."""

Row = dict[str, Any]


class Unreadable(ValueError):
    """The file, or one line of it, isn't what its name says."""


@dataclass(frozen=True)
class Line:
    """A row and where it came from (line of the file; in a JSON list: position from 1)."""

    number: int
    row: Row | None
    fault: str | None = None
    """Why there is no row."""


def read(path: Path) -> Iterator[Line]:
    """The file's rows, converted. A line that can't be read becomes a `Line` with a fault, not an exception.

    Raises `Unreadable` if the file as a whole can't be read.
    """
    match path.suffix.lower():
        case ".json":
            yield from _read_json(path)
        case ".jsonl" | ".ndjson":
            with path.open(encoding="utf-8") as file:
                yield from (_parsed(number, text) for number, text in enumerate(file, 1) if text.strip())
        case ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                for cells in reader:
                    yield _converted(reader.line_num, cells, from_csv)
        case other:
            raise Unreadable(f"{path.name}: {other or 'no ending'} is none of .json, .jsonl, .csv")


def _read_json(path: Path) -> Iterator[Line]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Unreadable(f"{path.name}: {error}") from error
    if not isinstance(rows, list):
        raise Unreadable(f"{path.name}: expected a list of products")
    for number, row in enumerate(rows, 1):
        yield _converted(number, row, from_any)


def _parsed(number: int, text: str) -> Line:
    try:
        row = json.loads(text)
    except ValueError as error:
        return Line(number, None, f"not JSON: {error}")
    return _converted(number, row, from_any)


def _converted(number: int, row: Any, convert: Any) -> Line:
    try:
        return Line(number, convert(row))
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error) or type(error).__name__
        return Line(number, None, reason)


def from_any(row: Any) -> Row:
    if not isinstance(row, dict):
        raise Unreadable("not an object")
    return from_dummyjson(row) if "discountPercentage" in row else row


# ---- the demo catalogue -----------------------------------------------------------------------------------------


def from_dummyjson(row: Row) -> Row:
    """One product with one variant. The price stands; the discount tells what it was before."""
    price = minor_units(row["price"])
    variant: Row = {
        "sku": row["sku"],
        "price": {"amount": price, "currency": CURRENCY},
        "weight_g": int(Decimal(str(row.get("weight", 0))) * GRAMS_PER_WEIGHT),
        "stock": int(row.get("stock", 0)),
    }
    before = price_before(price, row["discountPercentage"])
    if before > price:
        variant["compare_at_price"] = {"amount": before, "currency": CURRENCY}
    if barcode := row.get("meta", {}).get("barcode"):
        variant["barcode"] = barcode
    images = [address(image) for image in row.get("images") or []]
    product: Row = {
        "external_id": f"dummyjson-{row['id']}",
        "title": row["title"],
        "description": row.get("description", ""),
        "status": "active",
        "variants": [variant],
        "tags": list(dict.fromkeys(row.get("tags") or [])),
        "attributes": _attributes(row),
        "images": images,
    }
    product |= {name: row[name] for name in ("brand", "category") if row.get(name)}
    if row.get("thumbnail"):
        product["thumbnail"] = address(row["thumbnail"])
    if row.get("rating") is not None:
        product["rating"] = {"average": row["rating"], "count": len(row.get("reviews") or [])}
    return product


def reviews_of(row: Row, product_id: str) -> list[Row]:
    """The reviews that a row of the demo catalogue brings along, as rows of the reviews' import. Nobody is marked as
    a buyer: nobody bought here.
    """
    return [
        {
            "product_id": product_id,
            "author": review["reviewerName"],
            "author_key": review["reviewerEmail"],
            "rating": int(review["rating"]),
            "title": review["comment"].strip(".! "),
            "text": review["comment"],
            "created_at": review["date"],
        }
        for review in row.get("reviews") or []
    ]


def _attributes(row: Row) -> Row:
    texts = {"warranty": "warrantyInformation", "return_policy": "returnPolicy", "shipping": "shippingInformation"}
    attributes: Row = {ours: row[theirs] for ours, theirs in texts.items() if row.get(theirs)}
    sizes = row.get("dimensions") or {}
    return attributes | {f"{side}_cm": sizes[side] for side in ("width", "height", "depth") if side in sizes}


def address(url: str) -> str:
    """The quotes in it escaped: they are no part of an address that is to stand in HTML."""
    return url.replace("'", "%27").replace('"', "%22")


def minor_units(price: Any) -> int:
    """Cents of a decimal price; half a cent is rounded up."""
    return int((Decimal(str(price)) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def price_before(price: int, percentage: Any) -> int:
    """What cost `price` after this discount, in minor units."""
    left = 1 - Decimal(str(percentage)) / 100
    return int((price / left).quantize(Decimal(1), ROUND_HALF_UP)) if left > 0 else price


# ---- CSV --------------------------------------------------------------------------------------------------------

CSV_COLUMNS: Final = """\
Columns of a CSV (first line: their names; UTF-8; * = needed): title*, sku*, price* (19.99), currency (USD),
description, slug, brand, category (path: Home/Kitchen), status (active), compare_at_price (24.99), weight_g, barcode,
stock, tags (a|b), images (url|url), external_id, vendor_id, tax_class; attr.NAME for attributes. A line, a product."""

PLAIN: Final = ("title", "slug", "description", "brand", "category", "status", "external_id", "vendor_id", "tax_class")
KNOWN: Final = {
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
    """One product with one variant; empty cells are left out. Raises for what no product can be made of."""
    values = {name: text.strip() for name, text in cells.items() if name and isinstance(text, str) and text.strip()}
    unknown = [name for name in values if name not in KNOWN and not name.startswith("attr.")]
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
