"""Queries on the account lines of orders, for reports with dimensions that have no counters."""

from typing import Any, Final

from schemas.api.reports import ReportFilters, ReportRequest
from services.analytics.domain.periods import Period
from services.analytics.domain.reports import MAX_ROWS, TIME_DIMENSIONS, row
from services.analytics.store.datasets import Dataset

Document = dict[str, Any]
MAX_QUERY_MS: Final = 20_000
_FIELD_PATHS: Final = {
    "product": "$entries.p", "category": "$entries.k", "vendor": "$entries.v",
    "country": "$confirmed.country", "customer": "$confirmed.customer",
}  # fmt: skip
_FORMATS: Final = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
_SUMS: Final = ("u", "g", "d", "r", "x", "s")


def report_rows(dataset: Dataset, report: ReportRequest, period: Period, currency: str) -> tuple[list[list[Any]], bool]:
    """The rows of a report sorted by its dimensions, and whether they were cut at `MAX_ROWS`."""
    groups = list(
        dataset["orders"].aggregate(
            _pipeline(dataset, report, period, currency), allowDiskUse=True, maxTimeMS=MAX_QUERY_MS
        )
    )
    if not groups and not report.dimensions:
        groups = [{"_id": {}, "o": 0, "customers": 0, **dict.fromkeys(_SUMS, 0)}]  # totals of no orders are zeros
    rows = [row(report, [group["_id"].get(name) for name in report.dimensions], group) for group in groups[:MAX_ROWS]]
    return rows, len(groups) > MAX_ROWS


def _pipeline(dataset: Dataset, report: ReportRequest, period: Period, currency: str) -> list[Document]:
    within = {"$gte": period.begin, "$lt": period.end}
    filters = _filters(report.filters)
    dimensions = {name: _value(name, dataset.zone) for name in report.dimensions}
    sums: Document = {field: {"$sum": f"$entries.{field}"} for field in _SUMS}
    return [
        {"$match": {"confirmed.currency": currency, "entries.t": within}},
        {"$unwind": "$entries"},
        {"$match": {"entries.t": within, **filters}},
        # Group by order first, so that an order with several lines is counted once.
        {
            "$group": {
                "_id": {**dimensions, "order": "$_id"},
                "customer": {"$first": "$confirmed.customer"},
                "sold": {"$max": {"$cond": [{"$gt": ["$entries.u", 0]}, 1, 0]}},
                **sums,
            }
        },
        {
            "$group": {
                "_id": {name: f"$_id.{name}" for name in dimensions},
                "o": {"$sum": "$sold"},
                "buyers": {"$addToSet": {"$cond": ["$sold", "$customer", "$$REMOVE"]}}
                if "customers" in report.measures
                else {"$first": None},
                **{field: {"$sum": f"${field}"} for field in _SUMS},
            }
        },
        {"$addFields": {"customers": {"$cond": [{"$isArray": "$buyers"}, {"$size": {"$ifNull": ["$buyers", []]}}, 0]}}},
        {"$project": {"buyers": 0}},
        {"$sort": {"_id": 1}},
        {"$limit": MAX_ROWS + 1},
    ]


def _filters(filters: ReportFilters) -> Document:
    return {_FIELD_PATHS[name][1:]: {"$in": values} for name, values in filters.model_dump(exclude_none=True).items()}


def _value(name: str, zone: str) -> Any:
    if name in TIME_DIMENSIONS:
        return {"$dateToString": {"date": "$entries.t", "format": _FORMATS[name], "timezone": zone}}
    return _FIELD_PATHS[name]
