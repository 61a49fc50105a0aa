"""Queries on customers: first orders, segments, cohorts."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from services.analytics.domain import presentation
from services.analytics.domain.calendar import DAY, key
from services.analytics.domain.counters import CUSTOMER, prefix
from services.analytics.domain.periods import Period
from services.analytics.store.datasets import COUNTERS, CUSTOMERS, Dataset

Document = dict[str, Any]
SEGMENT_AGES_DAYS: Final = (30, 90, 180)
"""The age limits of `presentation.segment`, in days."""
BUCKET_KEY_LENGTH: Final = len("2026-01-31T00:00")


def first_orders(dataset: Dataset, begin: datetime, end: datetime) -> int:
    """Number of customers whose first order is in the period."""
    return dataset[CUSTOMERS].count_documents({"first": {"$gte": begin, "$lt": end}})


def segments(dataset: Dataset, currency: str, now: datetime) -> tuple[list[Document], Document]:
    """Customers by segment (name, customers, orders, spent) and in total (customers, orders, spent)."""
    days = {"$dateDiff": {"startDate": "$last", "endDate": now, "unit": "hour"}}
    pipeline: list[Document] = [
        {"$match": {"orders": {"$gt": 0}}},
        {
            "$group": {
                "_id": {
                    "age": {"$switch": {"branches": _age_branches(days), "default": 999}},
                    "orders": {"$min": ["$orders", 4]},
                },
                "customers": {"$sum": 1},
                "orders": {"$sum": "$orders"},
                "spent": {"$sum": f"$spent.{currency}"},
            }
        },
    ]
    return _segment_sums(dataset[CUSTOMERS].aggregate(pipeline), now)


def of_vendor(
    dataset: Dataset, vendor: str, currency: str, period: Period, now: datetime
) -> tuple[int, list[Document], Document]:
    """New customers of a vendor in the period (partly covered days included whole), customers by segment, and in total.

    Based on the vendor's own order lines alone.
    """
    name = prefix(vendor, CUSTOMER, currency, DAY)
    start = {field: {"$substrBytes": [f"${field}", len(name), BUCKET_KEY_LENGTH]} for field in ("first", "last")}
    ages = [
        {"case": {"$gte": ["$last", key(now - timedelta(days=days + 1))]}, "then": days} for days in SEGMENT_AGES_DAYS
    ]
    begin, end = key(dataset.calendar.floor(period.begin, "day")), key(period.end)
    pipeline: list[Document] = [
        {"$match": {"_id": {"$gte": name, "$lt": name + "~"}}},
        {
            "$group": {
                "_id": "$k",
                "first": {"$min": "$_id"},
                "last": {"$max": "$_id"},
                "orders": {"$sum": "$o"},
                "paid": {"$sum": {"$add": [{"$ifNull": [f"${field}", 0]} for field in "gxs"]}},
                "returned": {"$sum": {"$add": [{"$ifNull": [f"${field}", 0]} for field in "dr"]}},
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
                "spent": {"$sum": {"$subtract": ["$paid", "$returned"]}},
            }
        },
    ]
    rows = list(dataset[COUNTERS].aggregate(pipeline))
    return sum(row["customers"] for row in rows if row["_id"]["new"]), *_segment_sums(rows, now)


def _segment_sums(rows: Iterable[Document], now: datetime) -> tuple[list[Document], Document]:
    """Sum groups (of age and number of orders) by segment and in total."""
    segments_by_name: dict[str, Document] = {
        name: {"name": name, "customers": 0, "orders": 0, "spent": 0} for name in presentation.SEGMENTS
    }
    total: Document = {"customers": 0, "orders": 0, "spent": 0}
    for row in rows:
        last = now - timedelta(days=row["_id"]["age"])
        for sums in (segments_by_name[presentation.segment(last, row["_id"]["orders"], now)], total):
            for field in ("customers", "orders", "spent"):
                sums[field] += row[field]
    return list(segments_by_name.values()), total


def _age_branches(hours: Document) -> list[Document]:
    """Branches that group customers by age limit, so that `presentation.segment` stays the only rule."""
    return [{"case": {"$lte": [hours, 24 * days + 23]}, "then": days} for days in SEGMENT_AGES_DAYS]


def records(dataset: Dataset, customers: list[str]) -> dict[str, Document]:
    """Customer records by customer key."""
    rows = dataset[CUSTOMERS].find({"_id": {"$in": customers}}, {"email": 1, "last": 1})
    return {record["_id"]: record for record in rows}


def cohorts(dataset: Dataset, since: datetime) -> list[Document]:
    """Number of customers by month of first order and month of any order: {_id: {first, month}, n}."""
    pipeline: list[Document] = [
        {"$match": {"first": {"$gte": since}}},
        {
            "$project": {
                "first": {"$dateToString": {"date": "$first", "format": "%Y-%m", "timezone": dataset.zone}},
                "months": 1,
            }
        },
        {"$unwind": "$months"},
        {"$group": {"_id": {"first": "$first", "month": "$months"}, "n": {"$sum": 1}}},
    ]
    return list(dataset[CUSTOMERS].aggregate(pipeline))
