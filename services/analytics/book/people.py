"""Figures of customers: who is new, who comes again, what they are worth."""

from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.book.sets import CUSTOMERS, Book
from services.analytics.domain import shapes

Document = dict[str, Any]
TOP: Final = 20


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
    named: dict[str, Document] = {
        name: {"name": name, "customers": 0, "orders": 0, "spent": 0} for name in shapes.SEGMENTS
    }
    whole: Document = {"customers": 0, "orders": 0, "spent": 0}
    for row in book[CUSTOMERS].aggregate(pipeline):
        last = now - timedelta(days=row["_id"]["age"])
        for into in (named[shapes.segment(last, row["_id"]["orders"], now)], whole):
            for field in ("customers", "orders", "spent"):
                into[field] += row[field]
    return list(named.values()), whole


def _ages(hours: Document) -> list[Document]:
    """The youngest age of which all in a group are: the rule for segments is kept in one place."""
    return [{"case": {"$lte": [hours, 24 * days + 23]}, "then": days} for days in (30, 90, 180)]


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
