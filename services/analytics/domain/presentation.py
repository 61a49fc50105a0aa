"""Presentation: sums of counters as the figures of the API, and customer segments."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from services.analytics.domain.orders import BIN_HOURS
from services.analytics.domain.sessions import STEPS
from services.chassis.common import money

Sums = Mapping[str, int]


def add_up(counters: Iterable[Sums]) -> dict[str, int]:
    """Add counters field by field."""
    total: dict[str, int] = {}
    for fields in counters:
        for field, amount in fields.items():
            total[field] = total.get(field, 0) + amount
    return total


def net(sums: Sums) -> int:
    """Net sales in minor units: gross less discounts and refunds of goods; tax and shipping are no part of it."""
    return sums.get("g", 0) - sums.get("d", 0) - sums.get("r", 0)


def spent(sums: Sums) -> int:
    """Amount paid by customers less refunds, tax and shipping included, in minor units."""
    return net(sums) + sums.get("x", 0) + sums.get("s", 0)


def totals(sums: Sums, currency: str) -> dict[str, Any]:
    """The sums as `schemas.api.sales_figures.Totals`."""
    orders, gross, discounts = sums.get("o", 0), sums.get("g", 0), sums.get("d", 0)

    def as_money(amount: int) -> dict[str, Any]:
        return money.json(amount, currency)

    return {
        "orders": orders,
        "units": sums.get("u", 0),
        "gross": as_money(gross),
        "discounts": as_money(discounts),
        "refunds": as_money(sums.get("r", 0)),
        "net": as_money(net(sums)),
        "tax": as_money(sums.get("x", 0)),
        "shipping": as_money(sums.get("s", 0)),
        "average_order": as_money(round(Fraction(gross - discounts, orders)) if orders else 0),
    }


def rate(part: float, whole: float) -> float:
    """The ratio rounded to four decimals; 0 if `whole` is 0."""
    return round(part / whole, 4) if whole else 0.0


def funnel(sums: Sums) -> dict[str, Any]:
    """The sums as `schemas.api.session_figures.Funnel`."""
    steps, before = [], sums.get("s0", 0)
    first = before
    for number, name in enumerate(STEPS):
        reached = sums.get(f"s{number}", 0)
        lost = rate(before - reached, before)
        steps.append({"name": name, "sessions": reached, "rate": rate(reached, first), "drop_off": lost})
        before = reached
    return {"steps": steps}


def durations(sums: Sums, step: str) -> dict[str, Any]:
    """Count, mean and percentiles in hours of a delivery step (`s` to ship, `d` to deliver)."""
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
    """The sums of a search query as `schemas.api.session_figures.QueryFigures`."""
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
    """The segment of a customer, by recency (last order) and frequency (number of orders)."""
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
