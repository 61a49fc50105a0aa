"""Sales figures: totals, series and groups; top products; stock turnover; units sold."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from schemas.api.analytics import PeriodQuery, SalesQuery, TopQuery
from services.analytics.domain import counters, periods, presentation
from services.analytics.domain.counters import EVERYBODY
from services.analytics.domain.periods import Period
from services.analytics.figures.figure_context import Document, FigureContext, top
from services.analytics.store import activity, catalogue
from services.analytics.store.counters import MAX_GROUPS
from services.chassis.common import money
from services.chassis.common.clock import rfc3339


def sales(context: FigureContext, query: SalesQuery, vendor: str = EVERYBODY) -> Document:
    """Totals of the period and of the one before, the series by interval, and the groups with the highest net sales."""
    period, currency = context.period(query), query.currency or context.currency
    periods.check_interval(period, query.interval)
    series = context.counters.series(vendor, currency, period, query.interval)
    before = periods.previous(context.dataset.calendar, period)
    groups: list[Document] = []
    if query.group_by:
        grouped = _grouped(context, query.group_by, period, vendor, currency)
        ranked = top(grouped, presentation.net, MAX_GROUPS)
        labels = catalogue.labels(context.dataset, query.group_by, [key for key, _ in ranked])
        groups = [{"key": key, "label": labels[key]} | presentation.totals(sums, currency) for key, sums in ranked]
    return {
        "currency": currency,
        "time_zone": context.dataset.zone,
        "interval": query.interval,
        "totals": presentation.totals(presentation.add_up(series.values()), currency),
        "previous": presentation.totals(context.counters.total(counters.TOTAL, before, vendor, currency), currency),
        "series": [{"start": rfc3339(start)} | presentation.totals(sums, currency) for start, sums in series.items()],
        "groups": groups,
    }


def _grouped(
    context: FigureContext, group: str, period: Period, vendor: str, currency: str
) -> dict[str, dict[str, int]]:
    if vendor and group == counters.VENDOR:
        total = context.counters.total(counters.TOTAL, period, vendor, currency)
        return {vendor: total} if total else {}
    return context.counters.groups(group, period, vendor, currency)


def top_products(context: FigureContext, query: TopQuery, vendor: str = EVERYBODY) -> list[Document]:
    """The products with the highest net sales, units, orders or views."""
    period, currency = context.period(query), query.currency or context.currency
    sold = context.counters.groups(counters.PRODUCT, period, vendor, currency)
    views = context.counters.groups(counters.VIEWS, period)
    if vendor:
        own = catalogue.products(context.dataset, vendor=vendor)
        views = {product: sums for product, sums in views.items() if product in own or product in sold}
    sums_by_product = {
        key: sold.get(key, {}) | {"v": views.get(key, {}).get("n", 0)} for key in sold.keys() | views.keys()
    }
    field = {"units": "u", "orders": "o", "views": "v"}.get(query.by)
    ranked = top(sums_by_product, lambda sums: sums.get(field, 0) if field else presentation.net(sums), query.limit)
    labels = catalogue.labels(context.dataset, "product", [key for key, _ in ranked])
    return [
        {
            "product_id": key,
            "title": labels[key],
            "views": sums["v"],
            "orders": sums.get("o", 0),
            "units": sums.get("u", 0),
            "net": money.json(presentation.net(sums), currency),
            "conversion": presentation.rate(sums.get("o", 0), sums["v"]) if sums["v"] else None,
        }
        for key, sums in ranked
    ]


def stock(context: FigureContext, query: PeriodQuery, vendor: str = EVERYBODY) -> list[Document]:
    """The products with the fewest days of cover first; at most `MAX_GROUPS`."""
    period = context.period(query)
    products_by_id = catalogue.products(context.dataset, vendor=vendor)
    skus = [sku for product in products_by_id.values() for sku in product.get("skus", ())]
    levels = catalogue.on_hand(context.dataset, period.begin, period.end, skus if vendor else None)
    sold: dict[str, int] = defaultdict(int)
    for product, units in _units(context, period, vendor):
        sold[product] += units
    until = min(period.end, context.now)
    days = max((until - period.begin) / timedelta(days=1), 1.0)
    rows = [
        _stock_row(product, facts, levels, sold.get(product, 0), days)
        for product, facts in products_by_id.items()
        if any(sku in levels for sku in facts.get("skus", ()))
    ]
    rows.sort(key=lambda row: (row["days_of_cover"] is None, row["days_of_cover"] or 0, -row["on_hand"]))
    return rows[:MAX_GROUPS]


def _stock_row(product: str, facts: Document, levels: dict[str, tuple[int, float]], sold: int, days: float) -> Document:
    sku_levels = [levels[sku] for sku in facts.get("skus", ()) if sku in levels]
    on_hand, mean = sum(now for now, _ in sku_levels), sum(average for _, average in sku_levels)
    return {
        "product_id": product,
        "title": facts["label"],
        "on_hand": on_hand,
        "units_sold": sold,
        "turnover": round(sold / mean, 2) if mean else None,
        "days_of_cover": round(on_hand * days / sold, 1) if sold else None,
    }


def units_sold(context: FigureContext, days: int) -> dict[str, int]:
    """Units sold by product in the last `days` days, today included, in all currencies."""
    period = periods.period_of(context.dataset.calendar, None, None, context.now, days)
    sold: dict[str, int] = defaultdict(int)
    for product, units in _units(context, period, EVERYBODY):
        sold[product] += units
    return dict(sold)


def _units(context: FigureContext, period: Period, vendor: str) -> Iterator[tuple[str, int]]:
    """Pairs of product and units sold, one per currency."""
    for currency in activity.currencies(context.dataset):
        for product, sums in context.counters.groups(counters.PRODUCT, period, vendor, currency).items():
            if sums.get("u"):
                yield product, sums["u"]
