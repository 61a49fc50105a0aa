"""Queries on counters: series, totals and groups. Each reads one or two ranges of adjacent documents."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from services.analytics.domain import counters, orders, presentation
from services.analytics.domain.calendar import DAY, HOUR, MONTH, from_key, key
from services.analytics.domain.counters import EVERYBODY, parts, prefix
from services.analytics.domain.periods import Period
from services.analytics.store.datasets import COUNTERS, Dataset

Document = dict[str, Any]
Sums = dict[str, int]
MAX_GROUPS: Final = 100


class CounterQueries:
    """Counter queries of one dataset."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.calendar = dataset.calendar

    def series(self, scope: str, currency: str, period: Period, interval: str) -> dict[datetime, Sums]:
        """Sales by interval; intervals without sales are empty."""
        coarsest = {"hour": HOUR, "month": MONTH}.get(interval, DAY)
        rows: dict[datetime, Sums] = {start: {} for start in self.calendar.starts(period.begin, period.end, interval)}
        for start, sums in self._buckets(scope, counters.TOTAL, currency, period, coarsest):
            bucket_sums = rows[self.calendar.floor(from_key(start), interval)]
            for field, amount in sums.items():
                bucket_sums[field] = bucket_sums.get(field, 0) + amount
        return rows

    def total(self, dimension: str, period: Period, scope: str = EVERYBODY, currency: str = "") -> Sums:
        """The sum of an hourly dimension; of a vendor's funnel, which is counted by day, days are included whole."""
        rows = self._buckets(scope, dimension, currency, period, MONTH)
        return presentation.add_up(sums for _, sums in rows)

    def groups(self, dimension: str, period: Period, scope: str = EVERYBODY, currency: str = "") -> dict[str, Sums]:
        """The sums by key. Partly covered days are included whole, except for sales, which add their account lines."""
        first, last = self._whole_days(period)
        grouped: dict[str, Sums] = {}
        if first < last:
            runs = self.calendar.cut(first, last, DAY)
            pipeline = [
                {"$match": self._name_ranges(scope, dimension, currency, runs)},
                {"$group": {"_id": "$k"} | {field: {"$sum": f"${field}"} for field in _fields(dimension)}},
            ]
            for row in self.dataset[COUNTERS].aggregate(pipeline):
                group_key = row.pop("_id")
                grouped[group_key] = {field: amount for field, amount in row.items() if amount}
        if dimension in _GROUP_FIELDS:
            edges = [(period.begin, first), (last, period.end)] if first < last else [(period.begin, period.end)]
            for begin, end in edges:
                if begin < end:
                    self._add_account_lines(grouped, dimension, begin, end, scope, currency)
        return grouped

    def by_bucket(self, dimension: str, period: Period) -> list[Document]:
        """The counter documents of a dimension counted by day and month; partly covered days are included whole."""
        runs = self.calendar.cut(period.begin, period.end, DAY)
        return list(self.dataset[COUNTERS].find(self._name_ranges(EVERYBODY, dimension, "", runs)))

    def by_day(self, dimension: str, period: Period, currency: str) -> dict[datetime, dict[str, Sums]]:
        """The sums by day and key, of days that have some; partly covered days are included whole."""
        runs = self.calendar.cut(period.begin, period.end, DAY, DAY)
        days: dict[datetime, dict[str, Sums]] = {}
        for document in self.dataset[COUNTERS].find(self._name_ranges(EVERYBODY, dimension, currency, runs)):
            start, counter_key = parts(document.pop("_id"))
            day = self.calendar.floor(from_key(start), "day")
            days.setdefault(day, {})[counter_key] = {name: sum_ for name, sum_ in document.items() if name != "k"}
        return dict(sorted(days.items()))

    def _whole_days(self, period: Period) -> tuple[datetime, datetime]:
        first = self.calendar.floor(period.begin, "day")
        if first < period.begin:
            first = self.calendar.after(first, "day")
        return first, self.calendar.floor(period.end, "day")

    def _buckets(
        self, scope: str, dimension: str, currency: str, period: Period, coarsest: str
    ) -> list[tuple[str, Sums]]:
        if coarsest == HOUR:
            hours = self.calendar.cut(period.begin, period.end, HOUR)
            runs = [(HOUR, hours[0][1], hours[-1][2])]
        else:
            finest = HOUR if counters.is_hourly(dimension, scope) else DAY
            runs = self.calendar.cut(period.begin, period.end, finest, coarsest)
        rows = self.dataset[COUNTERS].find(self._name_ranges(scope, dimension, currency, runs), {"k": 0})
        return [(parts(document.pop("_id"))[0], document) for document in rows]

    @staticmethod
    def _name_ranges(scope: str, dimension: str, currency: str, runs: list[tuple[str, str, str]]) -> Document:
        """The filter on counter names: a run is one contiguous range of the index on `_id`."""
        ranges = []
        for level, first, last in runs:
            begin = prefix(scope, dimension, currency, level)
            ranges.append({"_id": {"$gte": begin + first, "$lt": begin + last}})
        return ranges[0] if len(ranges) == 1 else {"$or": ranges}

    def _add_account_lines(
        self, grouped: dict[str, Sums], dimension: str, begin: datetime, end: datetime, scope: str, currency: str
    ) -> None:
        begin, end = from_key(key(self.calendar.hour(begin))), self._hour_after(end)
        rows = self.dataset["orders"].find(
            {"entries": {"$elemMatch": {"t": {"$gte": begin, "$lt": end}}}, "confirmed.currency": currency},
            {"entries": 1, "confirmed.country": 1, "confirmed.customer": 1},
        )
        for order in rows:
            counted: set[str] = set()
            for entry in order["entries"]:
                if not (begin <= entry["t"] < end) or (scope and entry["v"] != scope):
                    continue
                group_key = (
                    entry.get(_GROUP_FIELDS[dimension]) if dimension in _LINE_FIELDS else order["confirmed"][dimension]
                )
                sums = grouped.setdefault(group_key, defaultdict(int))
                for measure in orders.MEASURES[1:]:
                    sums[measure] = sums.get(measure, 0) + entry[measure]
                if entry["u"] and group_key not in counted:
                    counted.add(group_key)
                    sums["o"] = sums.get("o", 0) + 1

    def _hour_after(self, at: datetime) -> datetime:
        hour = self.calendar.hour(at)
        return hour if hour == at else self.calendar.after(hour, "hour")


_LINE_FIELDS: Final = {counters.PRODUCT: "p", counters.CATEGORY: "k", counters.VENDOR: "v"}
_GROUP_FIELDS: Final = _LINE_FIELDS | {counters.COUNTRY: "country", counters.CUSTOMER: "customer"}


def _fields(dimension: str) -> tuple[str, ...]:
    if dimension == counters.DELIVERY:
        return tuple(
            f"{step}{field}" for step in "sd" for field in ("n", "m", *(f"b{edge}" for edge in orders.BIN_HOURS))
        )
    return {
        counters.VIEWS: ("n",),
        counters.QUERY: ("s", "z", "c", "ps", "pn"),
        counters.PAYMENT: ("n", "a"),
        counters.DISPUTE: ("n", "a"),
        counters.LEFT: ("n", "u"),
        counters.FLAG: ("e", "c", "p"),
    }.get(dimension, orders.MEASURES)
