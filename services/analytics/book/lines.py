"""Any cut through the account lines of the orders: for reports, which may ask for what no counter was kept of."""

from typing import Any, Final

from schemas.api.reports import ReportFilters, ReportRequest
from services.analytics.book.sets import Book
from services.analytics.domain.periods import Period
from services.analytics.domain.reports import MOST_ROWS, TIMES, row

Document = dict[str, Any]
RUN_MS: Final = 20_000
_AT: Final = {
    "product": "$entries.p", "category": "$entries.k", "vendor": "$entries.v",
    "country": "$confirmed.country", "customer": "$confirmed.customer",
}  # fmt: skip
_FORMATS: Final = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
_SUMS: Final = ("u", "g", "d", "r", "x", "s")


def report_rows(book: Book, report: ReportRequest, period: Period, currency: str) -> tuple[list[list[Any]], bool]:
    """The rows of a report, sorted by its dimensions, and whether there were more than are kept."""
    found = list(
        book["orders"].aggregate(_pipeline(book, report, period, currency), allowDiskUse=True, maxTimeMS=RUN_MS)
    )
    if not found and not report.dimensions:
        found = [{"_id": {}, "o": 0, "customers": 0, **dict.fromkeys(_SUMS, 0)}]  # nothing is a figure, too
    rows = [row(report, [line["_id"].get(name) for name in report.dimensions], line) for line in found[:MOST_ROWS]]
    return rows, len(found) > MOST_ROWS


def _pipeline(book: Book, report: ReportRequest, period: Period, currency: str) -> list[Document]:
    within = {"$gte": period.begin, "$lt": period.end}
    filters = _filters(report.filters)
    dimensions = {name: _value(name, book.zone) for name in report.dimensions}
    sums: Document = {field: {"$sum": f"$entries.{field}"} for field in _SUMS}
    return [
        {"$match": {"confirmed.currency": currency, "entries.t": within}},
        {"$unwind": "$entries"},
        {"$match": {"entries.t": within, **filters}},
        # First each order by itself, so that it is counted once wherever several of its lines fall.
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
        {"$limit": MOST_ROWS + 1},
    ]


def _filters(filters: ReportFilters) -> Document:
    return {_AT[name][1:]: {"$in": chosen} for name, chosen in filters.model_dump(exclude_none=True).items()}


def _value(name: str, zone: str) -> Any:
    if name in TIMES:
        return {"$dateToString": {"date": "$entries.t", "format": _FORMATS[name], "timezone": zone}}
    return _AT[name]
