"""Customer figures: new and returning customers, segments, lifetime value, cohorts."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from schemas.api.analytics import CohortQuery, CurrencyQuery
from services.analytics.domain import counters, presentation
from services.analytics.domain.counters import EVERYBODY
from services.analytics.figures.figure_context import MAX_LISTED, Document, FigureContext, top
from services.analytics.store import catalogue
from services.analytics.store import customers as customer_records
from services.chassis.common import money
from services.chassis.common.clock import rfc3339


def customers(context: FigureContext, query: CurrencyQuery, vendor: str = EVERYBODY) -> Document:
    """Customers in the period. A vendor's figures cover their own order lines in one currency and contain no names."""
    period, currency = context.period(query), query.currency or context.currency
    sums_by_customer = context.counters.groups(counters.CUSTOMER, period, vendor, currency)
    active = {customer: sums for customer, sums in sums_by_customer.items() if sums.get("o")}
    if vendor:
        new, segments, total = customer_records.of_vendor(context.dataset, vendor, currency, period, context.now)
    else:
        new = customer_records.first_orders(context.dataset, period.begin, period.end)
        segments, total = customer_records.segments(context.dataset, currency, context.now)
    return {
        "currency": currency,
        "active": len(active),
        "new": new,
        "returning": max(0, len(active) - new),
        "all_time": total["customers"],
        "lifetime_value": money.json(round(total["spent"] / (total["customers"] or 1)), currency),
        "orders_per_customer": round(total["orders"] / (total["customers"] or 1), 2),
        "segments": [segment | {"spent": money.json(segment["spent"], currency)} for segment in segments],
        "top": [] if vendor else _top_customers(context, top(active, presentation.spent, MAX_LISTED), currency),
    }


def _top_customers(
    context: FigureContext, ranked: Sequence[tuple[str, presentation.Sums]], currency: str
) -> list[Document]:
    keys = [key for key, _ in ranked]
    records = customer_records.records(context.dataset, keys)
    labels = catalogue.customer_labels(context.dataset, keys)
    return [
        {
            "customer_id": key,
            "label": labels.get(key, key),
            "orders": sums["o"],
            "spent": money.json(presentation.spent(sums), currency),
            "last_order_at": rfc3339(records[key]["last"]),
        }
        for key, sums in ranked
        if key in records
    ]


def cohorts(context: FigureContext, query: CohortQuery) -> Document:
    """Customers by month of their first order, and how many ordered again in later months."""
    calendar = context.dataset.calendar
    first = calendar.floor(context.now, "month")
    for _ in range(query.months - 1):
        first = calendar.floor(first - timedelta(days=1), "month")
    by_first: dict[str, dict[str, int]] = defaultdict(dict)
    for row in customer_records.cohorts(context.dataset, first):
        by_first[row["_id"]["first"]][row["_id"]["month"]] = row["n"]
    return {"cohorts": [_cohort(month, months) for month, months in sorted(by_first.items())]}


def _cohort(month: str, months: dict[str, int]) -> Document:
    size = months.get(month, 0)
    begin = int(month[:4]) * 12 + int(month[5:])
    retention = [
        {
            "months_after": int(each[:4]) * 12 + int(each[5:]) - begin,
            "customers": number,
            "rate": presentation.rate(number, size),
        }
        for each, number in sorted(months.items())
    ]
    return {"month": month, "customers": size, "retention": retention}
