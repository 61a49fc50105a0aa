"""MongoDB conditions, indexes and cursors of the product list."""

from typing import Any, Final

from schemas.api.products import ProductQuery
from services.chassis.common.paging import Keyset, SortKey
from services.chassis.common.text import stems
from services.products.domain.naming import attribute_key, brand_key

Condition = dict[str, Any]

SORTS: Final = {
    "price": SortKey("price", 1, "integer"),
    "-price": SortKey("price", -1, "integer"),
    "-rating": SortKey("rating", -1, "number"),
    "-created_at": SortKey("created_at", -1, "moment"),
    "title": SortKey("title_key", 1, "text"),
}
"""The id breaks ties in the same direction, so that one index serves both ways."""
KEYSETS: Final = {
    sort: Keyset(f"products:{sort}", (key, SortKey("_id", key.direction, "id"))) for sort, key in SORTS.items()
}

WORDS: Final = "words"
"""Name of the index on title words. Few products match all words, so MongoDB sorts them in memory."""

LEADING_FIELDS: Final = ("attrs", "brand_key", "vendor_id", "categories")
"""The filters that an index may begin with, the most selective first."""
ALL: Final = "all"
FILTERED_FIELDS: Final = ("price", "rating", "in_stock")
"""The filters by range, and by what half of all products have: an index can't begin with them."""
_SORT_FIELDS: Final = tuple({key.field: None for key in SORTS.values()})


def indexes() -> dict[str, list[tuple[str, int]]]:
    """The list's indexes by name: equality fields, the sort field, and the fields by which their entries are filtered,
    so that only the products of the page are read.
    """
    return {
        _name(lead, field): [("status", 1), *([(lead, 1)] if lead != ALL else []), (field, 1), ("_id", 1)]
        + [(other, 1) for other in FILTERED_FIELDS if other != field]
        for lead in (*LEADING_FIELDS, ALL)
        for field in _SORT_FIELDS
    } | {WORDS: [("status", 1), ("words", 1)]}


def retired_indexes() -> list[str]:
    """Names of the indexes of earlier versions, which do not have the filtered fields."""
    return [f"{lead}_by_{field}" for lead in (*LEADING_FIELDS, ALL) for field in _SORT_FIELDS]


def _name(lead: str, field: str) -> str:
    return f"{lead}_by_{field}_filtered"


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
    lead = next((lead for lead in LEADING_FIELDS if lead in condition), ALL)
    return _name(lead, SORTS[sort].field)


def index_to_count(condition: Condition) -> str:
    """Name of the index with the fewest entries to look at for the number of matching products."""
    return index_for(condition, "price" if "price" in condition else "-rating" if "rating" in condition else "title")
