"""MongoDB conditions, indexes and cursors of the product list."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.api.products import ProductQuery
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import is_id
from services.chassis.common.paging import decode_cursor, encode_cursor
from services.chassis.common.text import stems
from services.products.domain.naming import attribute_key, brand_key

Condition = dict[str, Any]

SORTS: Final = {
    "price": ("price", 1),
    "-price": ("price", -1),
    "-rating": ("rating", -1),
    "-created_at": ("created_at", -1),
    "title": ("title_key", 1),
}
"""Field and direction; the id breaks ties in the same direction, so that one index serves both ways."""

WORDS: Final = "words"
"""Name of the index on title words. Few products match all words, so MongoDB sorts them in memory."""

LEADING_FIELDS: Final = ("attrs", "brand_key", "vendor_id", "categories")
"""The filters that an index may begin with, the most selective first."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def indexes() -> dict[str, list[tuple[str, int]]]:
    """The list's indexes by name: equality fields, then the sort field; other filters are applied to the result."""
    return {
        f"{lead or 'all'}_by_{field}": [("status", 1), *([(lead, 1)] if lead else []), (field, 1), ("_id", 1)]
        for lead in (*LEADING_FIELDS, None)
        for field in {field: None for field, _ in SORTS.values()}
    } | {WORDS: [("status", 1), ("words", 1)]}


def conditions(query: ProductQuery, statuses: list[str], vendor_id: str | None = None) -> Condition:
    """The MongoDB condition of a query."""
    condition: Condition = {"status": statuses[0] if len(statuses) == 1 else {"$in": statuses}}
    if words := stems(query.q or ""):
        condition["words"] = words[0] if len(words) == 1 else {"$all": words}
    if query.attributes:
        keys = [attribute_key(name, value) for name, value in query.attributes.items()]
        condition["attrs"] = keys[0] if len(keys) == 1 else {"$all": keys}
    if query.brand:
        condition["brand_key"] = brand_key(query.brand)
    if vendor_id or query.vendor:
        condition["vendor_id"] = vendor_id or query.vendor
    if query.category:
        condition["categories"] = query.category
    bounds = {"$gte": query.min_price, "$lte": query.max_price}
    if price := {operator: bound for operator, bound in bounds.items() if bound is not None}:
        condition["price"] = price
    if query.in_stock is not None:
        condition["in_stock"] = query.in_stock
    if query.rating is not None:
        condition["rating"] = {"$gte": query.rating}
    return condition


def index_for(condition: Condition, sort: str) -> str:
    """Name of the index that serves a condition and sort order."""
    if "words" in condition:
        return WORDS
    lead = next((lead for lead in LEADING_FIELDS if lead in condition), "all")
    return f"{lead}_by_{SORTS[sort][0]}"


def cursor_after(document: Condition, sort: str) -> str:
    """The cursor of the page after this document."""
    value = document[SORTS[sort][0]]
    if isinstance(value, datetime):
        value = (value - EPOCH) // timedelta(milliseconds=1)
    return encode_cursor([sort, value, document["_id"]])


def after_cursor(cursor: str, sort: str) -> Condition:
    """The condition of the page after a cursor. Raises `ValidationFailed` for a cursor of another sort order."""
    field, direction = SORTS[sort]
    match decode_cursor(cursor):
        case [str(of), str(value), str(last)] if of == sort and field == "title_key" and is_id(last):
            edge: Any = value
        case [str(of), int(value) | float(value), str(last)] if of == sort and field != "title_key" and is_id(last):
            edge = _moment(value) if field == "created_at" else value
        case _:
            raise ValidationFailed.of("cursor", "is not a cursor of this list")
    onward, behind = ("$gte", "$lte") if direction > 0 else ("$lte", "$gte")
    # not `$or`: MongoDB would run each branch separately and sort the results
    return {field: {onward: edge}, "$nor": [{field: edge, "_id": {behind: last}}]}


def _moment(milliseconds: float) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValidationFailed.of("cursor", "is not a cursor of this list") from None
