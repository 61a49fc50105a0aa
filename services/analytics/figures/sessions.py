"""Session figures: funnel, abandoned carts, search queries, feature flags."""

from collections import defaultdict
from typing import Final, NamedTuple

from schemas.api.analytics import CurrencyQuery, PeriodQuery
from services.analytics.domain import counters, periods, presentation
from services.analytics.domain.counters import EVERYBODY
from services.analytics.figures.figure_context import MAX_LISTED, Document, FigureContext, top
from services.analytics.store import activity, catalogue
from services.analytics.store.search_sessions import seekers_of
from services.chassis.common import money

MAX_POPULAR_QUERIES: Final = 50
CANDIDATES: Final = 4 * MAX_POPULAR_QUERIES


class PopularityLimits(NamedTuple):
    """Limits from which on a query is suggested to everybody."""

    sessions: int
    """Sessions that found something by it and did more than search."""
    networks: int
    """Networks that those came from: one visitor is as many sessions as they like."""
    share: float
    """Share of all searches."""


def funnel(context: FigureContext, query: PeriodQuery, vendor: str = EVERYBODY) -> Document:
    """Sessions by funnel stage; for a vendor, sessions that reached the stage with one of their products."""
    return presentation.funnel(context.counters.total(counters.FUNNEL, context.period(query), vendor))


def abandoned_carts(context: FigureContext, query: CurrencyQuery) -> Document:
    """Sessions that filled a cart without ordering, and the products left in those carts."""
    period, currency = context.period(query), query.currency or context.currency
    funnel_sums = context.counters.total(counters.FUNNEL, period)
    left_products = context.counters.groups(counters.LEFT, period)
    open_carts = activity.open_carts(context.dataset, period.begin, period.end, context.now)
    for session in open_carts:
        for product, units in session["cart"]:
            sums = left_products.get(product, {})
            left_products[product] = {"n": sums.get("n", 0) - 1, "u": sums.get("u", 0) - units}
    carts = funnel_sums.get("s1", 0)
    abandoned = max(0, carts - funnel_sums.get("s2", 0) - len(open_carts))
    facts = catalogue.products(context.dataset, left_products)
    product_rows = [
        _left_product_row(product, sums, facts.get(product, {}), currency)
        for product, sums in left_products.items()
        if sums.get("n", 0) > 0
    ]
    product_rows.sort(key=lambda row: (-row["value"]["amount"], -row["carts"]))
    return {
        "currency": currency,
        "carts": carts,
        "abandoned": abandoned,
        "rate": presentation.rate(abandoned, carts),
        "value": money.json(sum(row["value"]["amount"] for row in product_rows), currency),
        "products": product_rows[:MAX_LISTED],
    }


def _left_product_row(product: str, sums: presentation.Sums, facts: Document, currency: str) -> Document:
    price = facts.get("price", 0) if facts.get("currency") == currency else 0
    return {
        "product_id": product,
        "title": facts.get("label") or product,
        "carts": sums["n"],
        "units": sums["u"],
        "value": money.json(price * sums["u"], currency),
    }


def search(context: FigureContext, query: PeriodQuery) -> Document:
    """Searches, clicks and positions in total, for the most frequent queries and for those without a result."""
    rows = context.counters.groups(counters.QUERY, context.period(query))
    total = presentation.query("", presentation.add_up(rows.values()))
    del total["query"]
    frequent = top(rows, lambda sums: sums.get("s", 0), MAX_LISTED)
    without_result = top({q: s for q, s in rows.items() if s.get("z")}, lambda sums: sums.get("z", 0), MAX_LISTED)
    return total | {
        "queries": [presentation.query(text, sums) for text, sums in frequent],
        "nothing_found": [presentation.query(text, sums) for text, sums in without_result],
    }


def flags(context: FigureContext, query: PeriodQuery) -> list[Document]:
    """Flags by name, their values by number of exposures."""
    by_flag: dict[str, list[tuple[str, presentation.Sums]]] = defaultdict(list)
    for key, sums in context.counters.groups(counters.FLAG, context.period(query)).items():
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
                    "conversion": presentation.rate(sums.get("p", 0), sums.get("e", 0)),
                }
                for value, sums in sorted(values, key=lambda item: (-item[1].get("e", 0), item[0]))
            ],
        }
        for flag, values in sorted(by_flag.items())
    ]


def popular_queries(context: FigureContext, days: int, limits: PopularityLimits) -> list[tuple[str, int]]:
    """The most frequent queries with results, of many visitors: others see them as suggestions.

    The limits exclude what one visitor makes up, typing errors and private data.
    """
    period = periods.period_of(context.dataset.calendar, None, None, context.now, days)
    rows = context.counters.groups(counters.QUERY, period)
    minimum = max(limits.sessions, limits.share * sum(sums.get("s", 0) for sums in rows.values()))
    successful = {text: sums for text, sums in rows.items() if sums.get("s", 0) >= max(minimum, sums.get("z", 0) + 1)}
    popular: list[tuple[str, int]] = []
    for text, sums in top(successful, lambda sums: sums["s"], CANDIDATES):
        seekers = seekers_of(context.dataset, text, period.begin)
        if seekers.sessions >= limits.sessions and seekers.networks >= limits.networks:
            popular.append((text, sums["s"]))
    return popular[:MAX_POPULAR_QUERIES]
