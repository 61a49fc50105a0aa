"""Live figures: orders, revenue and active sessions of the last 60 minutes, by minute."""

from collections import defaultdict
from datetime import UTC, timedelta
from typing import Final

from services.analytics.domain.counters import EVERYBODY
from services.analytics.figures.figure_context import Document, FigureContext, top
from services.analytics.store import activity
from services.chassis.common import money
from services.chassis.common.clock import rfc3339

MINUTES: Final = 60
MAX_PRODUCTS: Final = 10


def live(context: FigureContext, vendor: str = EVERYBODY) -> Document:
    """Revenue is the amount paid, shipping and tax included. A vendor's figures cover their own order lines."""
    since = context.now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    minutes = {since + timedelta(minutes=number): [0, 0] for number in range(MINUTES)}
    units: dict[str, int] = defaultdict(int)
    titles: dict[str, str] = {}
    for order in activity.confirmed_orders(context.dataset, since, context.currency, vendor):
        sale = order["confirmed"]
        titles |= {line["p"]: line["title"] for line in sale["lines"]}
        lines = [entry for entry in order["entries"] if entry["u"] and (not vendor or entry["v"] == vendor)]
        minute = minutes.get(sale["at"].astimezone(UTC).replace(second=0, microsecond=0))
        if minute is not None:
            minute[0] += 1
            minute[1] += sum(entry["g"] - entry["d"] + entry["x"] + entry["s"] for entry in lines)
        for entry in lines:
            units[entry["p"]] += entry["u"]
    sessions_by_minute = activity.active_sessions(context.dataset, since, vendor)
    return {
        "minutes": [
            {
                "at": rfc3339(at),
                "orders": orders,
                "revenue": money.json(revenue, context.currency),
                "visitors": sessions_by_minute.get(at, 0),
            }
            for at, (orders, revenue) in minutes.items()
        ],
        "top_products": [
            {"product_id": product, "title": titles[product], "units": number}
            for product, number in top(units, lambda lines: lines, MAX_PRODUCTS)
        ],
    }
