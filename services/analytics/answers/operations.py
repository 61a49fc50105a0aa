"""Whether payments succeed, and how long parcels take."""

from collections import defaultdict

from schemas.api.analytics import CurrencyQuery, PeriodQuery
from services.analytics.answers.view import LISTED, Document, View, best
from services.analytics.domain import counters, shapes
from services.analytics.domain.counters import EVERYBODY
from services.chassis.common import money


def payments(view: View, query: CurrencyQuery) -> Document:
    period, currency = view.period(query), query.currency or view.currency
    outcomes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    declines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    providers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, sums in view.figures.groups(counters.PAYMENT, period, EVERYBODY, currency).items():
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
            for code, sums in best(declines, lambda sums: sums["n"], LISTED)
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


def delivery(view: View, query: PeriodQuery) -> Document:
    by_carrier = view.figures.groups(counters.DELIVERY, view.period(query))
    whole = shapes.add_up(by_carrier.values())

    def times(sums: shapes.Sums) -> Document:
        return {"to_ship": shapes.durations(sums, "s"), "to_deliver": shapes.durations(sums, "d")}

    carriers = [{"carrier": carrier} | times(sums) for carrier, sums in sorted(by_carrier.items())]
    return times(whole) | {"carriers": carriers}
