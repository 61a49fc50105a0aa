"""Read models equal what a rebuild from their source would write: the order list, search documents, copies."""

import time
from typing import Any, Final

from ultramarket.verify.merging import pairs
from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores

Document = dict[str, Any]

_SUMMARIES: Final = """
    select o.id::text, o.status, o.version, placed.data ->> 'number' as number,
           placed.data ->> 'email' as email, (placed.data #>> '{totals,total}')::bigint as total,
           placed.data ->> 'currency' as currency, placed.data ->> 'user_id' as user_id
    from orders.orders o join orders.order_events e on e.order_id = o.id and e.version = 1
    cross join lateral (select e.body::jsonb -> 'data' as data offset 0) placed
    order by o.id
"""
_LISTED: Final = {"status": 1, "version": 1, "user_id": 1, "summary.number": 1, "summary.email": 1, "summary.total": 1}
_NAMES: Final = """
    select a.id::text, (a.first_name, a.last_name) = (p.first_name, p.last_name) as is_equal
    from auth.accounts a join users.profiles p on p.id = a.id
"""
_INDEXED: Final = ("version", "status", "rating_sequence", "levels")
_PRODUCT: Final = {"version": 1, "status": 1, "rating_sequence": 1, "variants.sku": 1}
LAG_SECONDS: Final = 2.0
"""Time between reading the source and reading its copies, which follow it by events: search in batches."""


def check_order_list(stores: Stores) -> CheckResult:
    """Each order is in the list, at its version, with its status, owner and total; the list has no other."""
    result = CheckResult("order list")
    listed = stores.documents("orders")["orders"].find({}, _LISTED).sort("_id", 1)
    for order_id, row, document in pairs(stores.rows(_SUMMARIES), _row_id, listed, _document_id):
        if row is None:
            result.add(order_id, "in the list, and there is no such order")
            continue
        result.examined += 1
        if document is None:
            result.add(order_id, f"{row.status}, and not in the list")
        elif difference := _difference(row, document):
            result.add(order_id, difference)
    return result


def check_search(stores: Stores) -> CheckResult:
    """Each product is in the search index at its version, with its rating and availability; no other is found."""
    result, levels = CheckResult("search documents"), _levels(stores)
    products = {each["_id"]: each for each in stores.documents("products")["products"].find({}, _PRODUCT)}
    time.sleep(LAG_SECONDS)
    result.examined = len(products)
    for document in stores.indexed(_INDEXED):
        product = products.pop(document["_id"], None)
        if product is None and document.get("status") not in (None, "archived"):
            result.add(document["_id"], f"{document['status']} in the search index, and there is no such product")
        elif product is not None and (difference := search_difference(product, document, levels)):
            result.add(product["_id"], difference)
    for product_id, product in products.items():
        result.add(product_id, f"{product['status']}, and not in the search index")
    return result


def check_stock_copies(stores: Stores) -> CheckResult:
    """The catalogue has the available units of each level."""
    result, levels = CheckResult("stock in the catalogue"), _levels(stores)
    time.sleep(LAG_SECONDS)
    copies = {each["_id"]: each for each in stores.documents("products")["stock"].find({}, {"touched": 0})}
    for sku, level in levels.items():
        result.examined += 1
        copy = copies.get(sku, {"available": None, "sequence": -1})
        if copy["sequence"] <= level["version"] and copy["available"] != level["available"]:
            result.add(sku, f"{level['available']} available, the catalogue has {copy['available']}")
    return result


def check_names(stores: Stores) -> CheckResult:
    """The name of each account, which tokens carry, is the profile's."""
    result = CheckResult("names of accounts")
    for row in stores.rows(_NAMES):
        result.examined += 1
        if not row.is_equal:
            result.add(row.id, "the account has another name than its profile")
    return result


def search_difference(product: Document, document: Document, levels: dict[str, Document]) -> str | None:
    """The difference between a product, or the levels of its SKUs, and a search document that is not newer: a newer
    part was changed after they were read.
    """
    version, rating = document.get("version") or 0, document.get("rating_sequence") or 0
    if version < product["version"]:
        return f"indexed at version {version} of {product['version']}"
    if version == product["version"] and document["status"] != product["status"]:
        return f"indexed as {document['status']}, it is {product['status']}"
    if rating < product["rating_sequence"]:
        return f"indexed with rating {rating} of {product['rating_sequence']}"
    indexed = document.get("levels") or {}
    for sku in (variant["sku"] for variant in product["variants"]):
        units, sequence = indexed.get(sku, (0, -1))
        level = levels.get(sku, {"available": 0, "version": 0})
        if sequence <= level["version"] and (units > 0) != (level["available"] > 0):
            return f"{sku} is indexed with {units} available, and has {level['available']}"
    return None


def _levels(stores: Stores) -> dict[str, Document]:
    """The available units and the version of each level, by SKU."""
    levels = stores.documents("inventory")["levels"].find({}, {"available": 1, "version": 1})
    return {level["_id"]: level for level in levels}


def _row_id(row: Any) -> str:
    return str(row.id)


def _document_id(document: Document) -> str:
    return str(document["_id"])


def _difference(row: Any, document: Document) -> str | None:
    """The difference between an order and its entry. A newer entry has none: the order was changed meanwhile."""
    if document["version"] > row.version:
        return None
    summary = document["summary"]
    expected = {
        "version": row.version,
        "status": row.status,
        "user_id": row.user_id,
        "number": row.number,
        "email": row.email,
        "total": {"amount": row.total, "currency": row.currency},
    }
    there = {name: summary.get(name, document.get(name)) for name in expected}
    differing = [f"{name} {there[name]} instead of {value}" for name, value in expected.items() if there[name] != value]
    return f"listed with {', '.join(differing)}" if differing else None
