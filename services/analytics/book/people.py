"""Figures of customers: who is new, who comes again, what they are worth."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.book.sets import COUNTERS, CUSTOMERS, Book
from services.analytics.domain import shapes
from services.analytics.domain.calendar import DAY, key
from services.analytics.domain.counters import CUSTOMER, prefix
from services.analytics.domain.periods import Period

Document = dict[str, Any]
AGES: Final = (30, 90, 180)
"""In days: where the rule for segments makes a difference."""
KEY_LENGTH: Final = len("2026-01-31T00:00")


def first_orders(book: Book, begin: datetime, end: datetime) -> int:
    """How many customers bought for the first time in a period."""
    return book[CUSTOMERS].count_documents({"first": {"$gte": begin, "$lt": end}})


def segments(book: Book, currency: str, now: datetime) -> tuple[list[Document], Document]:
    """Customers by segment, and all together: (name, customers, orders, spent) and (customers, orders, spent)."""
    days = {"$dateDiff": {"startDate": "$last", "endDate": now, "unit": "hour"}}
    pipeline: list[Document] = [
        {"$match": {"orders": {"$gt": 0}}},
        {
            "$group": {
                "_id": {
                    "age": {"$switch": {"branches": _ages(days), "default": 999}},
                    "orders": {"$min": ["$orders", 4]},
                },
                "customers": {"$sum": 1},
                "orders": {"$sum": "$orders"},
                "spent": {"$sum": f"$spent.{currency}"},
            }
        },
    ]
    return _summed(book[CUSTOMERS].aggregate(pipeline), now)


def of_vendor(
    book: Book, vendor: str, currency: str, period: Period, now: datetime
) -> tuple[int, list[Document], Document]:
    """Of a vendor's customers, by the vendor's own lines alone: how many bought there for the first time in the
    period (days count whole), those by segment, and all together.
    """
    name = prefix(vendor, CUSTOMER, currency, DAY)
    start = {field: {"$substrBytes": [f"${field}", len(name), KEY_LENGTH]} for field in ("first", "last")}
    ages = [{"case": {"$gte": ["$last", key(now - timedelta(days=days + 1))]}, "then": days} for days in AGES]
    begin, end = key(book.calendar.floor(period.begin, "day")), key(period.end)
    pipeline: list[Document] = [
        {"$match": {"_id": {"$gte": name, "$lt": name + "~"}}},
        {
            "$group": {
                "_id": "$k",
                "first": {"$min": "$_id"},
                "last": {"$max": "$_id"},
                "orders": {"$sum": "$o"},
                "got": {"$sum": {"$add": [{"$ifNull": [f"${field}", 0]} for field in "gxs"]}},
                "gave": {"$sum": {"$add": [{"$ifNull": [f"${field}", 0]} for field in "dr"]}},
            }
        },
        {"$match": {"orders": {"$gt": 0}}},
        {"$set": start},
        {
            "$group": {
                "_id": {
                    "age": {"$switch": {"branches": ages, "default": 999}},
                    "orders": {"$min": ["$orders", 4]},
                    "new": {"$and": [{"$gte": ["$first", begin]}, {"$lt": ["$first", end]}]},
                },
                "customers": {"$sum": 1},
                "orders": {"$sum": "$orders"},
                "spent": {"$sum": {"$subtract": ["$got", "$gave"]}},
            }
        },
    ]
    rows = list(book[COUNTERS].aggregate(pipeline))
    return sum(row["customers"] for row in rows if row["_id"]["new"]), *_summed(rows, now)


def _summed(rows: Iterable[Document], now: datetime) -> tuple[list[Document], Document]:
    """Groups of an age and number of orders as segments, and all together."""
    named: dict[str, Document] = {
        name: {"name": name, "customers": 0, "orders": 0, "spent": 0} for name in shapes.SEGMENTS
    }
    whole: Document = {"customers": 0, "orders": 0, "spent": 0}
    for row in rows:
        last = now - timedelta(days=row["_id"]["age"])
        for into in (named[shapes.segment(last, row["_id"]["orders"], now)], whole):
            for field in ("customers", "orders", "spent"):
                into[field] += row[field]
    return list(named.values()), whole


def _ages(hours: Document) -> list[Document]:
    """The youngest age of which all in a group are: the rule for segments is kept in one place."""
    return [{"case": {"$lte": [hours, 24 * days + 23]}, "then": days} for days in AGES]


def names(book: Book, customers: list[str]) -> dict[str, Document]:
    """Records of customers by their key."""
    found = book[CUSTOMERS].find({"_id": {"$in": customers}}, {"email": 1, "last": 1})
    return {record["_id"]: record for record in found}


def cohorts(book: Book, since: datetime) -> list[Document]:
    """Customers by the month of their first order and each month that they ordered in: {_id: {first, month}, n}."""
    pipeline: list[Document] = [
        {"$match": {"first": {"$gte": since}}},
        {
            "$project": {
                "first": {"$dateToString": {"date": "$first", "format": "%Y-%m", "timezone": book.zone}},
                "months": 1,
            }
        },
        {"$unwind": "$months"},
        {"$group": {"_id": {"first": "$first", "month": "$months"}, "n": {"$sum": 1}}},
    ]
    return list(book[CUSTOMERS].aggregate(pipeline))
