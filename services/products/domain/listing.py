"""Which index answers which question of the product list, and where a cursor stands in it."""

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
"""The index of the titles' words; few products have them all, and those are sorted as they come."""

LEADS: Final = ("attrs", "brand_key", "vendor_id", "categories")
"""The fields that an index may begin with, the choosiest first."""

STATUSES: Final = ["active", "archived", "draft"]
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def indexes() -> dict[str, list[tuple[str, int]]]:
    """Every index of the list by name: equality first, then the order; the other filters look at what it yields."""
    return {
        f"{lead or 'all'}_by_{field}": [("status", 1), *([(lead, 1)] if lead else []), (field, 1), ("_id", 1)]
        for lead in (*LEADS, None)
        for field in {field: None for field, _ in SORTS.values()}
    } | {WORDS: [("status", 1), ("words", 1)]}


def conditions(query: ProductQuery, statuses: list[str], vendor_id: str | None = None) -> Condition:
    """The query as the store understands it."""
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
    """The index that yields the condition's products in the wanted order."""
    if "words" in condition:
        return WORDS
    lead = next((lead for lead in LEADS if lead in condition), "all")
    return f"{lead}_by_{SORTS[sort][0]}"


def cursor_after(document: Condition, sort: str) -> str:
    """The cursor of what follows this document."""
    value = document[SORTS[sort][0]]
    if isinstance(value, datetime):
        value = (value - EPOCH) // timedelta(milliseconds=1)
    return encode_cursor([sort, value, document["_id"]])


def after_cursor(cursor: str, sort: str) -> Condition:
    """The condition of what follows a cursor. Raises `ValidationFailed` for one that isn't of this order."""
    field, direction = SORTS[sort]
    match decode_cursor(cursor):
        case [str(of), str(value), str(last)] if of == sort and field == "title_key" and is_id(last):
            edge: Any = value
        case [str(of), int(value) | float(value), str(last)] if of == sort and field != "title_key" and is_id(last):
            edge = _moment(value) if field == "created_at" else value
        case _:
            raise ValidationFailed.of("cursor", "is not a cursor of this list")
    onward, behind = ("$gte", "$lte") if direction > 0 else ("$lte", "$gte")
    # not an `$or`: MongoDB would run its branches one by one and sort what they yield
    return {field: {onward: edge}, "$nor": [{field: edge, "_id": {behind: last}}]}


def _moment(milliseconds: float) -> datetime:
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValidationFailed.of("cursor", "is not a cursor of this list") from None
