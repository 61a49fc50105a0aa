"""The figures that are sums of counters: each is one or two reads of neighbouring documents."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from services.analytics.book.sets import COUNTERS, Book
from services.analytics.domain import counters, orders, shapes
from services.analytics.domain.calendar import DAY, HOUR, MONTH, from_key, key
from services.analytics.domain.counters import EVERYBODY, parts, prefix
from services.analytics.domain.periods import Period

Document = dict[str, Any]
Sums = dict[str, int]
MOST_GROUPS: Final = 100


class Figures:
    """Reads one set."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.calendar = book.calendar

    def series(self, scope: str, currency: str, period: Period, interval: str) -> dict[datetime, Sums]:
        """Sales by interval; those without sales are empty."""
        coarsest = {"hour": HOUR, "month": MONTH}.get(interval, DAY)
        found: dict[datetime, Sums] = {start: {} for start in self.calendar.starts(period.begin, period.end, interval)}
        for start, sums in self._buckets(scope, counters.TOTAL, currency, period, coarsest):
            into = found[self.calendar.floor(from_key(start), interval)]
            for field, amount in sums.items():
                into[field] = into.get(field, 0) + amount
        return found

    def total(self, dimension: str, period: Period, scope: str = EVERYBODY, currency: str = "") -> Sums:
        """The sum of a dimension that is counted by the hour; of a vendor's funnel, by the day: days count whole."""
        found = self._buckets(scope, dimension, currency, period, MONTH)
        return shapes.add_up(sums for _, sums in found)

    def groups(self, dimension: str, period: Period, scope: str = EVERYBODY, currency: str = "") -> dict[str, Sums]:
        """The sums by key. Days count whole; what lies outside of whole days is added line by line for sales."""
        first, last = self._whole_days(period)
        grouped: dict[str, Sums] = {}
        if first < last:
            runs = self.calendar.cut(first, last, DAY)
            pipeline = [
                {"$match": self._names(scope, dimension, currency, runs)},
                {"$group": {"_id": "$k"} | {field: {"$sum": f"${field}"} for field in _fields(dimension)}},
            ]
            for row in self.book[COUNTERS].aggregate(pipeline):
                of = row.pop("_id")
                grouped[of] = {field: amount for field, amount in row.items() if amount}
        if dimension in _LINE_KEYS:
            edges = [(period.begin, first), (last, period.end)] if first < last else [(period.begin, period.end)]
            for begin, end in edges:
                if begin < end:
                    self._add_lines(grouped, dimension, begin, end, scope, currency)
        return grouped

    def by_bucket(self, dimension: str, period: Period) -> list[Document]:
        """The counters of a dimension that is counted by day and month, by their names; days count whole."""
        runs = self.calendar.cut(period.begin, period.end, DAY)
        return list(self.book[COUNTERS].find(self._names(EVERYBODY, dimension, "", runs)))

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
        found = self.book[COUNTERS].find(self._names(scope, dimension, currency, runs), {"k": 0})
        return [(parts(document.pop("_id"))[0], document) for document in found]

    @staticmethod
    def _names(scope: str, dimension: str, currency: str, runs: list[tuple[str, str, str]]) -> Document:
        """A counter's name begins with all that it is chosen by, so that a run is one stretch of the index."""
        ranges = []
        for level, first, last in runs:
            begin = prefix(scope, dimension, currency, level)
            ranges.append({"_id": {"$gte": begin + first, "$lt": begin + last}})
        return ranges[0] if len(ranges) == 1 else {"$or": ranges}

    def _add_lines(
        self, grouped: dict[str, Sums], dimension: str, begin: datetime, end: datetime, scope: str, currency: str
    ) -> None:
        begin, end = from_key(key(self.calendar.hour(begin))), self._hour_after(end)
        found = self.book["orders"].find(
            {"entries": {"$elemMatch": {"t": {"$gte": begin, "$lt": end}}}, "confirmed.currency": currency},
            {"entries": 1, "confirmed.country": 1, "confirmed.customer": 1},
        )
        for order in found:
            counted: set[str] = set()
            for entry in order["entries"]:
                if not (begin <= entry["t"] < end) or (scope and entry["v"] != scope):
                    continue
                of = entry.get(_LINE_KEYS[dimension]) if dimension in _OF_LINE else order["confirmed"][dimension]
                sums = grouped.setdefault(of, defaultdict(int))
                for measure in orders.MEASURES[1:]:
                    sums[measure] = sums.get(measure, 0) + entry[measure]
                if entry["u"] and of not in counted:
                    counted.add(of)
                    sums["o"] = sums.get("o", 0) + 1

    def _hour_after(self, at: datetime) -> datetime:
        hour = self.calendar.hour(at)
        return hour if hour == at else self.calendar.after(hour, "hour")


_OF_LINE: Final = {counters.PRODUCT: "p", counters.CATEGORY: "k", counters.VENDOR: "v"}
_LINE_KEYS: Final = _OF_LINE | {counters.COUNTRY: "country", counters.CUSTOMER: "customer"}


def _fields(dimension: str) -> tuple[str, ...]:
    if dimension == counters.DELIVERY:
        return tuple(
            f"{step}{field}" for step in "sd" for field in ("n", "m", *(f"b{edge}" for edge in orders.BIN_HOURS))
        )
    return {
        counters.VIEWS: ("n",),
        counters.QUERY: ("s", "z", "c", "ps", "pn"),
        counters.PAYMENT: ("n", "a"),
        counters.LEFT: ("n", "u"),
        counters.FLAG: ("e", "c", "p"),
    }.get(dimension, orders.MEASURES)
