"""What was sold, and of what there is left."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from schemas.api.analytics import PeriodQuery, SalesQuery, TopQuery
from services.analytics.answers.view import Document, View, best
from services.analytics.book import things
from services.analytics.book.figures import MOST_GROUPS
from services.analytics.domain import counters, periods, shapes
from services.analytics.domain.counters import EVERYBODY
from services.analytics.domain.periods import Period
from services.chassis.common import money
from services.chassis.common.clock import rfc3339


def sales(view: View, query: SalesQuery, vendor: str = EVERYBODY) -> Document:
    period, currency = view.period(query), query.currency or view.currency
    periods.check_interval(period, query.interval)
    series = view.figures.series(vendor, currency, period, query.interval)
    before = periods.previous(view.book.calendar, period)
    groups: list[Document] = []
    if query.group_by:
        grouped = _grouped(view, query.group_by, period, vendor, currency)
        ranked = best(grouped, shapes.net, MOST_GROUPS)
        labels = things.labels(view.book, query.group_by, [key for key, _ in ranked])
        groups = [{"key": key, "label": labels[key]} | shapes.totals(sums, currency) for key, sums in ranked]
    return {
        "currency": currency,
        "time_zone": view.book.zone,
        "interval": query.interval,
        "totals": shapes.totals(shapes.add_up(series.values()), currency),
        "previous": shapes.totals(view.figures.total(counters.TOTAL, before, vendor, currency), currency),
        "series": [{"start": rfc3339(start)} | shapes.totals(sums, currency) for start, sums in series.items()],
        "groups": groups,
    }


def _grouped(view: View, group: str, period: Period, vendor: str, currency: str) -> dict[str, dict[str, int]]:
    if vendor and group == counters.VENDOR:
        total = view.figures.total(counters.TOTAL, period, vendor, currency)
        return {vendor: total} if total else {}
    return view.figures.groups(group, period, vendor, currency)


def top_products(view: View, query: TopQuery, vendor: str = EVERYBODY) -> list[Document]:
    period, currency = view.period(query), query.currency or view.currency
    sold = view.figures.groups(counters.PRODUCT, period, vendor, currency)
    views = view.figures.groups(counters.VIEWS, period)
    if vendor:
        own = things.products(view.book, vendor=vendor)
        views = {product: sums for product, sums in views.items() if product in own or product in sold}
    together = {key: sold.get(key, {}) | {"v": views.get(key, {}).get("n", 0)} for key in sold.keys() | views.keys()}
    field = {"units": "u", "orders": "o", "views": "v"}.get(query.by)
    ranked = best(together, lambda sums: sums.get(field, 0) if field else shapes.net(sums), query.limit)
    labels = things.labels(view.book, "product", [key for key, _ in ranked])
    return [
        {
            "product_id": key,
            "title": labels[key],
            "views": sums["v"],
            "orders": sums.get("o", 0),
            "units": sums.get("u", 0),
            "net": money.json(shapes.net(sums), currency),
            "conversion": shapes.rate(sums.get("o", 0), sums["v"]) if sums["v"] else None,
        }
        for key, sums in ranked
    ]


def stock(view: View, query: PeriodQuery, vendor: str = EVERYBODY) -> list[Document]:
    """The hundred products that run out first, then those that lie longest."""
    period = view.period(query)
    known = things.products(view.book, vendor=vendor)
    skus = [sku for product in known.values() for sku in product.get("skus", ())]
    levels = things.on_hand(view.book, period.begin, period.end, skus if vendor else None)
    sold: dict[str, int] = defaultdict(int)
    for product, units in _units(view, period, vendor):
        sold[product] += units
    until = min(period.end, view.now)
    days = max((until - period.begin) / timedelta(days=1), 1.0)
    rows = [
        _stock_row(product, facts, levels, sold.get(product, 0), days)
        for product, facts in known.items()
        if any(sku in levels for sku in facts.get("skus", ()))
    ]
    rows.sort(key=lambda row: (row["days_of_cover"] is None, row["days_of_cover"] or 0, -row["on_hand"]))
    return rows[:MOST_GROUPS]


def _stock_row(product: str, facts: Document, levels: dict[str, tuple[int, float]], sold: int, days: float) -> Document:
    here = [levels[sku] for sku in facts.get("skus", ()) if sku in levels]
    on_hand, mean = sum(now for now, _ in here), sum(average for _, average in here)
    return {
        "product_id": product,
        "title": facts["label"],
        "on_hand": on_hand,
        "units_sold": sold,
        "turnover": round(sold / mean, 2) if mean else None,
        "days_of_cover": round(on_hand * days / sold, 1) if sold else None,
    }


def units_sold(view: View, days: int) -> dict[str, int]:
    """Units of each product within so many days, today included, whatever they were paid with."""
    period = periods.period_of(view.book.calendar, None, None, view.now, days)
    sold: dict[str, int] = defaultdict(int)
    for product, units in _units(view, period, EVERYBODY):
        sold[product] += units
    return dict(sold)


def _units(view: View, period: Period, vendor: str) -> Iterator[tuple[str, int]]:
    """Units of products in each currency."""
    for currency in things.currencies(view.book):
        for product, sums in view.figures.groups(counters.PRODUCT, period, vendor, currency).items():
            if sums.get("u"):
                yield product, sums["u"]
