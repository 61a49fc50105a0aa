"""Each figure as the API replies it: reads from the book, shapes from the domain."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.analytics import CohortQuery, CurrencyQuery, PeriodQuery, SalesQuery, TopQuery
from services.analytics.book import people, things
from services.analytics.book.figures import MOST_GROUPS, Figures
from services.analytics.book.sets import Book
from services.analytics.domain import counters, periods, shapes
from services.analytics.domain.counters import EVERYBODY
from services.analytics.domain.periods import Period
from services.chassis import money
from services.chassis.clock import rfc3339

Document = dict[str, Any]
LISTED: Final = 20
LIVE_MINUTES: Final = 60
POPULAR: Final = 50


class Answers:
    """Answers about one set, in one currency unless the question names another."""

    def __init__(self, book: Book, currency: str, now: datetime) -> None:
        self.book, self.currency, self.now = book, currency, now
        self.figures = Figures(book)

    def period(self, query: PeriodQuery) -> Period:
        return periods.period_of(self.book.calendar, query.from_, query.to, self.now)

    def sales(self, query: SalesQuery, vendor: str = EVERYBODY) -> Document:
        period, currency = self.period(query), query.currency or self.currency
        periods.check_interval(period, query.interval)
        series = self.figures.series(vendor, currency, period, query.interval)
        before = periods.previous(self.book.calendar, period)
        groups: list[Document] = []
        if query.group_by:
            grouped = self.figures.groups(query.group_by, period, vendor, currency)
            best = _best(grouped, shapes.net, MOST_GROUPS)
            labels = things.labels(self.book, query.group_by, [key for key, _ in best])
            groups = [{"key": key, "label": labels[key]} | shapes.totals(sums, currency) for key, sums in best]
        return {
            "currency": currency,
            "time_zone": self.book.zone,
            "interval": query.interval,
            "totals": shapes.totals(shapes.add_up(series.values()), currency),
            "previous": shapes.totals(self.figures.total(counters.TOTAL, before, vendor, currency), currency),
            "series": [{"start": rfc3339(start)} | shapes.totals(sums, currency) for start, sums in series.items()],
            "groups": groups,
        }

    def funnel(self, query: PeriodQuery) -> Document:
        return shapes.funnel(self.figures.total(counters.FUNNEL, self.period(query)))

    def top_products(self, query: TopQuery, vendor: str = EVERYBODY) -> list[Document]:
        period, currency = self.period(query), query.currency or self.currency
        sold = self.figures.groups(counters.PRODUCT, period, vendor, currency)
        views = self.figures.groups(counters.VIEWS, period)
        if vendor:
            own = things.products(self.book, vendor=vendor)
            views = {product: sums for product, sums in views.items() if product in own or product in sold}
        together = {
            key: sold.get(key, {}) | {"v": views.get(key, {}).get("n", 0)} for key in sold.keys() | views.keys()
        }
        field = {"units": "u", "orders": "o", "views": "v"}.get(query.by)
        ranked = _best(together, lambda sums: sums.get(field, 0) if field else shapes.net(sums), query.limit)
        labels = things.labels(self.book, "product", [key for key, _ in ranked])
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

    def customers(self, query: CurrencyQuery) -> Document:
        period, currency = self.period(query), query.currency or self.currency
        bought = self.figures.groups(counters.CUSTOMER, period, EVERYBODY, currency)
        active = {customer: sums for customer, sums in bought.items() if sums.get("o")}
        new = people.first_orders(self.book, period.begin, period.end)
        segments, whole = people.segments(self.book, currency, self.now)
        best = _best(active, shapes.net, LISTED)
        named = people.names(self.book, [key for key, _ in best])
        return {
            "currency": currency,
            "active": len(active),
            "new": new,
            "returning": max(0, len(active) - new),
            "all_time": whole["customers"],
            "lifetime_value": money.json(round(whole["spent"] / (whole["customers"] or 1)), currency),
            "orders_per_customer": round(whole["orders"] / (whole["customers"] or 1), 2),
            "segments": [segment | {"spent": money.json(segment["spent"], currency)} for segment in segments],
            "top": [
                {
                    "customer_id": key,
                    "label": named[key].get("email") or key,
                    "orders": sums["o"],
                    "spent": money.json(shapes.net(sums), currency),
                    "last_order_at": rfc3339(named[key]["last"]),
                }
                for key, sums in best
                if key in named
            ],
        }

    def cohorts(self, query: CohortQuery) -> Document:
        calendar = self.book.calendar
        first = calendar.floor(self.now, "month")
        for _ in range(query.months - 1):
            first = calendar.floor(first - timedelta(days=1), "month")
        by_first: dict[str, dict[str, int]] = defaultdict(dict)
        for row in people.cohorts(self.book, first):
            by_first[row["_id"]["first"]][row["_id"]["month"]] = row["n"]
        return {"cohorts": [_cohort(month, months) for month, months in sorted(by_first.items())]}

    def payments(self, query: CurrencyQuery) -> Document:
        period, currency = self.period(query), query.currency or self.currency
        outcomes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        declines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        providers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for key, sums in self.figures.groups(counters.PAYMENT, period, EVERYBODY, currency).items():
            provider, outcome, code = key.split("|", 2)
            for into in (outcomes[outcome], *([declines[code]] if outcome == "declined" else [])):
                into["n"] += sums.get("n", 0)
                into["a"] += sums.get("a", 0)
            providers[provider]["n"] += sums.get("n", 0)
            providers[provider]["paid"] += sums.get("n", 0) if outcome == "paid" else 0
        paid, declined = outcomes["paid"]["n"], outcomes["declined"]["n"]
        return {
            "currency": currency,
            "payments": sum(each["n"] for each in outcomes.values()),
            "paid": paid,
            "declined": declined,
            "open": outcomes["open"]["n"],
            "success_rate": shapes.rate(paid, paid + declined),
            "paid_amount": money.json(outcomes["paid"]["a"], currency),
            "declines": [
                {"code": code, "payments": sums["n"], "amount": money.json(sums["a"], currency)}
                for code, sums in _best(declines, lambda sums: sums["n"], LISTED)
            ],
            "providers": [
                {
                    "provider": name,
                    "payments": sums["n"],
                    "paid": sums["paid"],
                    "success_rate": shapes.rate(sums["paid"], sums["n"]),
                }
                for name, sums in sorted(providers.items())
            ],
        }

    def delivery(self, query: PeriodQuery) -> Document:
        by_carrier = self.figures.groups(counters.DELIVERY, self.period(query))
        whole = shapes.add_up(by_carrier.values())

        def times(sums: shapes.Sums) -> Document:
            return {"to_ship": shapes.durations(sums, "s"), "to_deliver": shapes.durations(sums, "d")}

        carriers = [{"carrier": carrier} | times(sums) for carrier, sums in sorted(by_carrier.items())]
        return times(whole) | {"carriers": carriers}

    def stock(self, query: PeriodQuery, vendor: str = EVERYBODY) -> list[Document]:
        """The hundred products that run out first, then those that lie longest."""
        period = self.period(query)
        known = things.products(self.book, vendor=vendor)
        skus = [sku for product in known.values() for sku in product.get("skus", ())]
        levels = things.on_hand(self.book, period.begin, period.end, skus if vendor else None)
        sold: dict[str, int] = defaultdict(int)
        for product, units in self._units(period, vendor):
            sold[product] += units
        until = min(period.end, self.now)
        days = max((until - period.begin) / timedelta(days=1), 1.0)
        rows = [
            _stock_row(product, facts, levels, sold.get(product, 0), days)
            for product, facts in known.items()
            if any(sku in levels for sku in facts.get("skus", ()))
        ]
        rows.sort(key=lambda row: (row["days_of_cover"] is None, row["days_of_cover"] or 0, -row["on_hand"]))
        return rows[:MOST_GROUPS]

    def abandoned_carts(self, query: CurrencyQuery) -> Document:
        period, currency = self.period(query), query.currency or self.currency
        funnel = self.figures.total(counters.FUNNEL, period)
        left = self.figures.groups(counters.LEFT, period)
        shopping = things.still_shopping(self.book, period.begin, period.end, self.now)
        for session in shopping:
            for product, units in session["cart"]:
                known = left.get(product, {})
                left[product] = {"n": known.get("n", 0) - 1, "u": known.get("u", 0) - units}
        carts = funnel.get("s1", 0)
        abandoned = max(0, carts - funnel.get("s2", 0) - len(shopping))
        facts = things.products(self.book, left)
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

    def search(self, query: PeriodQuery) -> Document:
        found = self.figures.groups(counters.QUERY, self.period(query))
        whole = shapes.query("", shapes.add_up(found.values()))
        del whole["query"]
        often = _best(found, lambda sums: sums.get("s", 0), LISTED)
        empty = _best({q: s for q, s in found.items() if s.get("z")}, lambda sums: sums.get("z", 0), LISTED)
        return whole | {
            "queries": [shapes.query(text, sums) for text, sums in often],
            "nothing_found": [shapes.query(text, sums) for text, sums in empty],
        }

    def live(self) -> Document:
        since = self.now.replace(second=0, microsecond=0) - timedelta(minutes=LIVE_MINUTES - 1)
        minutes = {since + timedelta(minutes=number): [0, 0] for number in range(LIVE_MINUTES)}
        units: dict[str, int] = defaultdict(int)
        titles: dict[str, str] = {}
        for order in things.sold_since(self.book, since, self.currency):
            sale = order["confirmed"]
            minute = minutes.get(sale["at"].astimezone(UTC).replace(second=0, microsecond=0))
            if minute is not None:
                minute[0] += 1
                minute[1] += sale["total"]
            for line in sale["lines"]:
                units[line["p"]] += line["u"]
                titles[line["p"]] = line["title"]
        visitors = things.visitors(self.book, since)
        return {
            "minutes": [
                {
                    "at": rfc3339(at),
                    "orders": orders,
                    "revenue": money.json(revenue, self.currency),
                    "visitors": visitors.get(at, 0),
                }
                for at, (orders, revenue) in minutes.items()
            ],
            "top_products": [
                {"product_id": product, "title": titles[product], "units": number}
                for product, number in sorted(units.items(), key=lambda item: (-item[1], item[0]))[:10]
            ],
        }

    def units_sold(self, days: int) -> dict[str, int]:
        """Units of each product within so many days, today included, whatever they were paid with."""
        period = periods.period_of(self.book.calendar, None, None, self.now, days)
        sold: dict[str, int] = defaultdict(int)
        for product, units in self._units(period, EVERYBODY):
            sold[product] += units
        return dict(sold)

    def _units(self, period: Period, vendor: str) -> Iterator[tuple[str, int]]:
        """Units of products in each currency."""
        for currency in things.currencies(self.book):
            for product, sums in self.figures.groups(counters.PRODUCT, period, vendor, currency).items():
                if sums.get("u"):
                    yield product, sums["u"]

    def popular_queries(self, days: int) -> list[tuple[str, int]]:
        """What was looked for most often, and found."""
        period = periods.period_of(self.book.calendar, None, None, self.now, days)
        found = self.figures.groups(counters.QUERY, period)
        fruitful = {text: sums for text, sums in found.items() if sums.get("s", 0) > sums.get("z", 0)}
        return [(text, sums["s"]) for text, sums in _best(fruitful, lambda sums: sums["s"], POPULAR)]


def _best(groups: Any, worth: Any, limit: int) -> Sequence[tuple[str, Any]]:
    """The first ones; those that are worth the same by name, so that a list reads the same each time."""
    return sorted(groups.items(), key=lambda item: (-worth(item[1]), item[0]))[:limit]


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


def _left_row(product: str, sums: shapes.Sums, facts: Document, currency: str) -> Document:
    price = facts.get("price", 0) if facts.get("currency") == currency else 0
    return {
        "product_id": product,
        "title": facts.get("label") or product,
        "carts": sums["n"],
        "units": sums["u"],
        "value": money.json(price * sums["u"], currency),
    }
