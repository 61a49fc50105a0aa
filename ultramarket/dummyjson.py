"""Rows of the demo catalogue (DummyJSON) converted to product and review import rows."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from ultramarket.product_rows import CURRENCY, Row, minor_units

GRAMS_PER_WEIGHT: Final = 100
"""DummyJSON's weights run from 1 to 10 without a unit; we read them as hundreds of grams."""


def from_dummyjson(row: Row) -> Row:
    """One product with one variant. The price stays; `compare_at_price` is the price before the discount."""
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
    images = [escape_quotes(image) for image in row.get("images") or []]
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
        product["thumbnail"] = escape_quotes(row["thumbnail"])
    if row.get("rating") is not None:
        product["rating"] = {"average": row["rating"], "count": len(row.get("reviews") or [])}
    return product


def reviews_of(row: Row, product_id: str) -> list[Row]:
    """Review import rows of a demo product. None is a verified purchase."""
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


def escape_quotes(url: str) -> str:
    """The URL with its quotes escaped, safe inside an HTML attribute."""
    return url.replace("'", "%27").replace('"', "%22")


def price_before(price: int, percentage: Any) -> int:
    """Price in minor units before a discount of `percentage` made it `price`."""
    left = 1 - Decimal(str(percentage)) / 100
    return int((price / left).quantize(Decimal(1), ROUND_HALF_UP)) if left > 0 else price
