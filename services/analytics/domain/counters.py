"""Counters: sums by scope, dimension, currency, time bucket and key. Changes are additions, hence commutative."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from services.analytics.domain.calendar import DAY, HOUR, MONTH, Calendar

EVERYBODY: Final = ""
"""The scope of the whole shop. A vendor's figures have the vendor's id as their scope."""

TOTAL, PRODUCT, CATEGORY, VENDOR, COUNTRY, CUSTOMER = "total", "product", "category", "vendor", "country", "customer"
FUNNEL, VIEWS, QUERY, PAYMENT, DELIVERY, LEFT = "funnel", "views", "query", "payment", "delivery", "left"
FLAG, DISPUTE = "flag", "dispute"
HOURLY: Final = frozenset({TOTAL, FUNNEL})
"""Dimensions counted by hour, day and month; the others, and vendors' funnels, by day and month only."""


def is_hourly(dimension: str, scope: str) -> bool:
    """Whether the dimension is counted by the hour in this scope."""
    return dimension in HOURLY and not (scope and dimension == FUNNEL)


def prefix(scope: str, dimension: str, currency: str, level: str) -> str:
    """The common prefix of the names of all counters of a run."""
    return f"{scope}|{dimension}|{currency}|{level}|"


def parts(name: str) -> tuple[str, str]:
    """Split a counter's name into its bucket and key."""
    _, _, _, _, start, key = name.split("|", 5)
    return start, key


class CounterChanges:
    """Collects the changes to counters; changes that cancel out are dropped."""

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
        """Add to a counter on every level (hour, day, month) of its dimension."""
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
        """The non-zero changes by counter name and field."""
        changed = {}
        for name, counter in self.sums.items():
            non_zero = {field: amount for field, amount in counter.items() if amount}
            if non_zero:
                changed[name] = non_zero
        return changed
