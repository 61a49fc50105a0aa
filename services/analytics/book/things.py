"""Names of things, stock, carts that were left, and what happens right now."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.book.people import names
from services.analytics.book.sets import VISITS, Book
from services.analytics.domain import sessions
from services.analytics.domain.calendar import key
from services.analytics.domain.counters import EVERYBODY

Document = dict[str, Any]
MAY_STILL_ORDER: Final = timedelta(hours=1)


def labels(book: Book, group: str, keys: list[str]) -> dict[str, str]:
    """What people call the things with these keys; a key that has no name stands for itself."""
    if group == "customer":
        named = {customer: str(record.get("email") or customer) for customer, record in names(book, keys).items()}
    elif group in ("product", "category", "vendor"):
        kind = "person" if group == "vendor" else group
        found = book["labels"].find({"_id": {"$in": [f"{kind}:{each}" for each in keys]}}, {"label": 1})
        named = {label["_id"].partition(":")[2]: label["label"] for label in found}
    else:
        named = {}
    return {each: named.get(each) or each or "(none)" for each in keys}


def products(book: Book, ids: Iterable[str] | None = None, vendor: str = "") -> dict[str, Document]:
    """What is known of products, by id: those asked for, a vendor's, or all."""
    wanted: Document = {"_id": {"$gte": "product:", "$lt": "product;"}}
    if ids is not None:
        wanted = {"_id": {"$in": [f"product:{each}" for each in ids]}}
    if vendor:
        wanted["vendor"] = vendor
    fields = {"label": 1, "skus": 1, "price": 1, "currency": 1, "vendor": 1}
    return {found["_id"].partition(":")[2]: found for found in book["labels"].find(wanted, fields)}


def on_hand(book: Book, begin: datetime, end: datetime, skus: list[str] | None = None) -> dict[str, tuple[int, float]]:
    """Of each SKU what there is now, and the mean over the period: of its last levels of each month in it."""
    months = (key(book.calendar.floor(begin, "month")), key(end))
    wanted: Document = {} if skus is None else {"sku": {"$in": skus}}
    levels: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for level in book["stock_months"].find(wanted, {"sku": 1, "month": 1, "on_hand": 1, "_id": 0}):
        levels[level["sku"]].append((level["month"], level["on_hand"]))
    found = {}
    for sku, closings in levels.items():
        closings.sort()
        within = [number for month, number in closings if months[0] <= month < months[1]] or [closings[-1][1]]
        found[sku] = (closings[-1][1], sum(within) / len(within))
    return found


def still_shopping(book: Book, begin: datetime, end: datetime, now: datetime) -> list[Document]:
    """Visits of the period that filled a cart, are not over yet, and may still order."""
    recent = book["sessions"].find({"last": {"$gte": now - MAY_STILL_ORDER}, "start": {"$gte": begin, "$lt": end}})
    return [session for session in recent if sessions.stage(session) == 1]


def sold_since(book: Book, since: datetime, currency: str, vendor: str = EVERYBODY) -> list[Document]:
    """Confirmed orders since then, as lines of the account book; a vendor's own lines are all that is to be used."""
    wanted: Document = {"confirmed.at": {"$gte": since}, "confirmed.currency": currency}
    if vendor:
        wanted["confirmed.lines.v"] = vendor
    fields = {"confirmed.at": 1, "confirmed.lines.p": 1, "confirmed.lines.title": 1, "entries": 1}
    return list(book["orders"].find(wanted, fields).limit(20_000))


def currencies(book: Book) -> list[str]:
    """Everything that was ever paid with."""
    return [each for each in book["orders"].distinct("confirmed.currency") if each]


def visitors(book: Book, since: datetime, vendor: str = EVERYBODY) -> dict[datetime, int]:
    """How many visits were active in each minute since then; of a vendor those that looked at their products."""
    wanted: Document = {"at": {"$gte": since}} | ({"whose": vendor} if vendor else {})
    pipeline: list[Document] = [{"$match": wanted}, {"$group": {"_id": "$at", "n": {"$sum": 1}}}]
    return {row["_id"]: row["n"] for row in book[VISITS].aggregate(pipeline)}
