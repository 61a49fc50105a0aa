"""The last 60 minutes, by minute."""

from collections import defaultdict
from datetime import UTC, timedelta
from typing import Final

from services.analytics.answers.view import Document, View, best
from services.analytics.book import things
from services.analytics.domain.counters import EVERYBODY
from services.chassis.common import money
from services.chassis.common.clock import rfc3339

MINUTES: Final = 60
PRODUCTS: Final = 10


def live(view: View, vendor: str = EVERYBODY) -> Document:
    """An order's revenue is what was paid for it; for a vendor, for the own lines with their share of the shipping."""
    since = view.now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    minutes = {since + timedelta(minutes=number): [0, 0] for number in range(MINUTES)}
    units: dict[str, int] = defaultdict(int)
    titles: dict[str, str] = {}
    for order in things.sold_since(view.book, since, view.currency, vendor):
        sale = order["confirmed"]
        titles |= {line["p"]: line["title"] for line in sale["lines"]}
        sold = [entry for entry in order["entries"] if entry["u"] and (not vendor or entry["v"] == vendor)]
        minute = minutes.get(sale["at"].astimezone(UTC).replace(second=0, microsecond=0))
        if minute is not None:
            minute[0] += 1
            minute[1] += sum(entry["g"] - entry["d"] + entry["x"] + entry["s"] for entry in sold)
        for entry in sold:
            units[entry["p"]] += entry["u"]
    visitors = things.visitors(view.book, since, vendor)
    return {
        "minutes": [
            {
                "at": rfc3339(at),
                "orders": orders,
                "revenue": money.json(revenue, view.currency),
                "visitors": visitors.get(at, 0),
            }
            for at, (orders, revenue) in minutes.items()
        ],
        "top_products": [
            {"product_id": product, "title": titles[product], "units": number}
            for product, number in best(units, lambda sold: sold, PRODUCTS)
        ],
    }
