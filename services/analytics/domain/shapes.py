"""Sums in the shape that people read."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from services.analytics.domain.orders import BIN_HOURS
from services.analytics.domain.sessions import STEPS
from services.chassis.common import money

Sums = Mapping[str, int]


def add_up(many: Iterable[Sums]) -> dict[str, int]:
    """The sum of counters, field by field."""
    total: dict[str, int] = {}
    for fields in many:
        for field, amount in fields.items():
            total[field] = total.get(field, 0) + amount
    return total


def net(sums: Sums) -> int:
    return sums.get("g", 0) - sums.get("d", 0) - sums.get("r", 0)


def spent(sums: Sums) -> int:
    """What customers paid, tax and shipping included, and did not get back."""
    return net(sums) + sums.get("x", 0) + sums.get("s", 0)


def totals(sums: Sums, currency: str) -> dict[str, Any]:
    """The T of the API."""
    orders, gross, discounts = sums.get("o", 0), sums.get("g", 0), sums.get("d", 0)

    def said(amount: int) -> dict[str, Any]:
        return money.json(amount, currency)

    return {
        "orders": orders,
        "units": sums.get("u", 0),
        "gross": said(gross),
        "discounts": said(discounts),
        "refunds": said(sums.get("r", 0)),
        "net": said(net(sums)),
        "tax": said(sums.get("x", 0)),
        "shipping": said(sums.get("s", 0)),
        "average_order": said(round(Fraction(gross - discounts, orders)) if orders else 0),
    }


def rate(part: float, whole: float) -> float:
    """A share, four decimals; 0 of nothing."""
    return round(part / whole, 4) if whole else 0.0


def funnel(sums: Sums) -> dict[str, Any]:
    steps, before = [], sums.get("s0", 0)
    first = before
    for number, name in enumerate(STEPS):
        reached = sums.get(f"s{number}", 0)
        lost = rate(before - reached, before)
        steps.append({"name": name, "sessions": reached, "rate": rate(reached, first), "drop_off": lost})
        before = reached
    return {"steps": steps}


def durations(sums: Sums, step: str) -> dict[str, Any]:
    """Of a step of the delivery (`s` to ship, `d` to deliver): how many, the mean, percentiles, in hours."""
    number = sums.get(f"{step}n", 0)
    if not number:
        return {"orders": 0, "average": None, "p50": None, "p90": None}
    bins = [(edge, sums.get(f"{step}b{edge}", 0)) for edge in BIN_HOURS]
    return {
        "orders": number,
        "average": round(sums.get(f"{step}m", 0) / number / 60, 2),
        "p50": _percentile(bins, number, 0.5),
        "p90": _percentile(bins, number, 0.9),
    }


def _percentile(bins: list[tuple[int, int]], number: int, share: float) -> float:
    seen = 0
    for edge, count in bins:
        seen += count
        if seen >= share * number:
            return float(edge)
    return float(BIN_HOURS[-1])


def query(text: str, sums: Sums) -> dict[str, Any]:
    """How a search query fares."""
    searches, clicks, placed = sums.get("s", 0), sums.get("c", 0), sums.get("pn", 0)
    return {
        "query": text,
        "searches": searches,
        "without_result": sums.get("z", 0),
        "clicks": clicks,
        "click_through": rate(clicks, searches),
        "mean_position": round(sums.get("ps", 0) / placed, 2) if placed else None,
    }


SEGMENTS: Final = ("champions", "loyal", "new", "promising", "at_risk", "lost")


def segment(last: datetime, orders: int, now: datetime) -> str:
    """Which kind of customer this is, by recency and frequency."""
    days = (now - last).days
    if days > 180:
        return "lost"
    if days > 90:
        return "at_risk" if orders > 1 else "lost"
    if orders >= 4 and days <= 30:
        return "champions"
    if orders >= 3:
        return "loyal"
    return "new" if orders == 1 and days <= 30 else "promising"
