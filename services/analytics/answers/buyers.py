"""Who buys, and comes again."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from schemas.api.analytics import CohortQuery, CurrencyQuery
from services.analytics.answers.view import LISTED, Document, View, best
from services.analytics.book import people
from services.analytics.domain import counters, shapes
from services.analytics.domain.counters import EVERYBODY
from services.chassis.common import money
from services.chassis.common.clock import rfc3339


def customers(view: View, query: CurrencyQuery, vendor: str = EVERYBODY) -> Document:
    """A vendor sees how many buy the own products and what for, in one currency; who they are, only the shop does."""
    period, currency = view.period(query), query.currency or view.currency
    bought = view.figures.groups(counters.CUSTOMER, period, vendor, currency)
    active = {customer: sums for customer, sums in bought.items() if sums.get("o")}
    if vendor:
        new, segments, whole = people.of_vendor(view.book, vendor, currency, period, view.now)
    else:
        new = people.first_orders(view.book, period.begin, period.end)
        segments, whole = people.segments(view.book, currency, view.now)
    return {
        "currency": currency,
        "active": len(active),
        "new": new,
        "returning": max(0, len(active) - new),
        "all_time": whole["customers"],
        "lifetime_value": money.json(round(whole["spent"] / (whole["customers"] or 1)), currency),
        "orders_per_customer": round(whole["orders"] / (whole["customers"] or 1), 2),
        "segments": [segment | {"spent": money.json(segment["spent"], currency)} for segment in segments],
        "top": [] if vendor else _named(view, best(active, shapes.spent, LISTED), currency),
    }


def _named(view: View, ranked: Sequence[tuple[str, shapes.Sums]], currency: str) -> list[Document]:
    named = people.names(view.book, [key for key, _ in ranked])
    return [
        {
            "customer_id": key,
            "label": named[key].get("email") or key,
            "orders": sums["o"],
            "spent": money.json(shapes.spent(sums), currency),
            "last_order_at": rfc3339(named[key]["last"]),
        }
        for key, sums in ranked
        if key in named
    ]


def cohorts(view: View, query: CohortQuery) -> Document:
    calendar = view.book.calendar
    first = calendar.floor(view.now, "month")
    for _ in range(query.months - 1):
        first = calendar.floor(first - timedelta(days=1), "month")
    by_first: dict[str, dict[str, int]] = defaultdict(dict)
    for row in people.cohorts(view.book, first):
        by_first[row["_id"]["first"]][row["_id"]["month"]] = row["n"]
    return {"cohorts": [_cohort(month, months) for month, months in sorted(by_first.items())]}


def _cohort(month: str, months: dict[str, int]) -> Document:
    size = months.get(month, 0)
    begin = int(month[:4]) * 12 + int(month[5:])
    retention = [
        {
            "months_after": int(each[:4]) * 12 + int(each[5:]) - begin,
            "customers": number,
            "rate": shapes.rate(number, size),
        }
        for each, number in sorted(months.items())
    ]
    return {"month": month, "customers": size, "retention": retention}
