"""What visitors look for, and how far they come."""

from collections import defaultdict
from typing import Final

from schemas.api.analytics import CurrencyQuery, PeriodQuery
from services.analytics.answers.view import LISTED, Document, View, best
from services.analytics.book import things
from services.analytics.domain import counters, periods, shapes
from services.analytics.domain.counters import EVERYBODY
from services.chassis.common import money

POPULAR: Final = 50
POPULAR_FROM: Final = 3
"""Searches for the same words that make them popular."""


def funnel(view: View, query: PeriodQuery, vendor: str = EVERYBODY) -> Document:
    """A vendor's counts the visits that came so far with one of their products."""
    return shapes.funnel(view.figures.total(counters.FUNNEL, view.period(query), vendor))


def abandoned_carts(view: View, query: CurrencyQuery) -> Document:
    period, currency = view.period(query), query.currency or view.currency
    reached = view.figures.total(counters.FUNNEL, period)
    left = view.figures.groups(counters.LEFT, period)
    shopping = things.still_shopping(view.book, period.begin, period.end, view.now)
    for session in shopping:
        for product, units in session["cart"]:
            known = left.get(product, {})
            left[product] = {"n": known.get("n", 0) - 1, "u": known.get("u", 0) - units}
    carts = reached.get("s1", 0)
    abandoned = max(0, carts - reached.get("s2", 0) - len(shopping))
    facts = things.products(view.book, left)
    lost = [
        _left_row(product, sums, facts.get(product, {}), currency)
        for product, sums in left.items()
        if sums.get("n", 0) > 0
    ]
    lost.sort(key=lambda row: (-row["value"]["amount"], -row["carts"]))
    return {
        "currency": currency,
        "carts": carts,
        "abandoned": abandoned,
        "rate": shapes.rate(abandoned, carts),
        "value": money.json(sum(row["value"]["amount"] for row in lost), currency),
        "products": lost[:LISTED],
    }


def _left_row(product: str, sums: shapes.Sums, facts: Document, currency: str) -> Document:
    price = facts.get("price", 0) if facts.get("currency") == currency else 0
    return {
        "product_id": product,
        "title": facts.get("label") or product,
        "carts": sums["n"],
        "units": sums["u"],
        "value": money.json(price * sums["u"], currency),
    }


def search(view: View, query: PeriodQuery) -> Document:
    found = view.figures.groups(counters.QUERY, view.period(query))
    whole = shapes.query("", shapes.add_up(found.values()))
    del whole["query"]
    often = best(found, lambda sums: sums.get("s", 0), LISTED)
    empty = best({q: s for q, s in found.items() if s.get("z")}, lambda sums: sums.get("z", 0), LISTED)
    return whole | {
        "queries": [shapes.query(text, sums) for text, sums in often],
        "nothing_found": [shapes.query(text, sums) for text, sums in empty],
    }


def flags(view: View, query: PeriodQuery) -> list[Document]:
    """Flags by name, their values by how often they were shown."""
    by_flag: dict[str, list[tuple[str, shapes.Sums]]] = defaultdict(list)
    for key, sums in view.figures.groups(counters.FLAG, view.period(query)).items():
        flag, _, value = key.partition("|")
        by_flag[flag].append((value, sums))
    return [
        {
            "flag": flag,
            "values": [
                {
                    "value": value,
                    "exposed": sums.get("e", 0),
                    "ordered": sums.get("c", 0),
                    "paid": sums.get("p", 0),
                    "conversion": shapes.rate(sums.get("p", 0), sums.get("e", 0)),
                }
                for value, sums in sorted(values, key=lambda one: (-one[1].get("e", 0), one[0]))
            ],
        }
        for flag, values in sorted(by_flag.items())
    ]


def popular_queries(view: View, days: int) -> list[tuple[str, int]]:
    """What was looked for most often, and found. One person's slip, or secret, is proposed to nobody else."""
    period = periods.period_of(view.book.calendar, None, None, view.now, days)
    found = view.figures.groups(counters.QUERY, period)
    fruitful = {
        text: sums for text, sums in found.items() if sums.get("s", 0) >= max(POPULAR_FROM, sums.get("z", 0) + 1)
    }
    return [(text, sums["s"]) for text, sums in best(fruitful, lambda sums: sums["s"], POPULAR)]
