"""Counters: sums by scope, dimension, currency, bucket and key. Only ever added to, so their order never matters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from services.analytics.domain.calendar import DAY, HOUR, MONTH, Calendar

EVERYBODY: Final = ""
"""The scope of the whole shop; a vendor's own figures have the vendor's id as scope."""

TOTAL, PRODUCT, CATEGORY, VENDOR, COUNTRY, CUSTOMER = "total", "product", "category", "vendor", "country", "customer"
FUNNEL, VIEWS, QUERY, PAYMENT, DELIVERY, LEFT = "funnel", "views", "query", "payment", "delivery", "left"
FLAG = "flag"
HOURLY: Final = frozenset({TOTAL, FUNNEL})
"""Dimensions that are counted by the hour as well; the others, and a vendor's funnel, by day and month."""


def is_hourly(dimension: str, scope: str) -> bool:
    return dimension in HOURLY and not (scope and dimension == FUNNEL)


def prefix(scope: str, dimension: str, currency: str, level: str) -> str:
    """What the names of all counters of a run begin with."""
    return f"{scope}|{dimension}|{currency}|{level}|"


def parts(name: str) -> tuple[str, str]:
    """The bucket and the key of a counter, from its name."""
    _, _, _, _, start, key = name.split("|", 5)
    return start, key


class Counters:
    """What is to be added to which counter; what sums up to nothing is forgotten."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.sums: dict[str, dict[str, int]] = {}

    def add(
        self,
        dimension: str,
        key: str,
        at: datetime,
        fields: Iterable[tuple[str, int]],
        scope: str = EVERYBODY,
        currency: str = "",
    ) -> None:
        """Add to a counter on every level that its dimension is counted by."""
        hour, day, month = self.calendar.keys(at)
        levels = [(DAY, day), (MONTH, month)]
        if is_hourly(dimension, scope):
            levels.append((HOUR, hour))
        for level, start in levels:
            name = f"{scope}|{dimension}|{currency}|{level}|{start}|{key}"
            counter = self.sums.get(name)
            if counter is None:
                counter = self.sums[name] = {}
            for field, amount in fields:
                counter[field] = counter.get(field, 0) + amount

    def changes(self) -> dict[str, dict[str, int]]:
        """The counters that really change, and by how much."""
        changed = {}
        for name, counter in self.sums.items():
            left = {field: amount for field, amount in counter.items() if amount}
            if left:
                changed[name] = left
        return changed
