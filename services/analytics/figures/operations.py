"""Payment and delivery figures: success rates, decline codes, shipping and delivery times."""

from collections import defaultdict

from schemas.api.analytics import CurrencyQuery, PeriodQuery
from services.analytics.domain import counters, presentation
from services.analytics.domain.counters import EVERYBODY
from services.analytics.domain.disputes import OUTCOMES
from services.analytics.domain.periods import Period
from services.analytics.figures.figure_context import MAX_LISTED, Document, FigureContext, top
from services.chassis.common import money
from services.chassis.common.timestamps import rfc3339


def payments(context: FigureContext, query: CurrencyQuery) -> Document:
    """Payments by outcome, decline code and provider."""
    period, currency = context.period(query), query.currency or context.currency
    outcomes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    declines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    providers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, sums in context.counters.groups(counters.PAYMENT, period, EVERYBODY, currency).items():
        provider, outcome, code = key.split("|", 2)
        for target in (outcomes[outcome], *([declines[code]] if outcome == "declined" else [])):
            target["n"] += sums.get("n", 0)
            target["a"] += sums.get("a", 0)
        providers[provider]["n"] += sums.get("n", 0)
        providers[provider]["paid"] += sums.get("n", 0) if outcome == "paid" else 0
    paid, declined = outcomes["paid"]["n"], outcomes["declined"]["n"]
    return {
        "currency": currency,
        "payments": sum(each["n"] for each in outcomes.values()),
        "paid": paid,
        "declined": declined,
        "open": outcomes["open"]["n"],
        "success_rate": presentation.rate(paid, paid + declined),
        "paid_amount": money.json(outcomes["paid"]["a"], currency),
        "declines": [
            {"code": code, "payments": sums["n"], "amount": money.json(sums["a"], currency)}
            for code, sums in top(declines, lambda sums: sums["n"], MAX_LISTED)
        ],
        "providers": [
            {
                "provider": name,
                "payments": sums["n"],
                "paid": sums["paid"],
                "success_rate": presentation.rate(sums["paid"], sums["n"]),
            }
            for name, sums in sorted(providers.items())
        ],
        "disputes": _disputes(context, period, currency),
    }


def _disputes(context: FigureContext, period: Period, currency: str) -> Document:
    """Disputes opened, won and lost, in total and by day."""
    days = context.counters.by_day(counters.DISPUTE, period, currency)

    def outcomes(each: list[dict[str, dict[str, int]]]) -> Document:
        sums = {name: presentation.add_up(day.get(name, {}) for day in each) for name in OUTCOMES}
        return {
            name: {"disputes": sums[name].get("n", 0), "amount": money.json(sums[name].get("a", 0), currency)}
            for name in OUTCOMES
        }

    series = [{"start": rfc3339(start)} | outcomes([day]) for start, day in days.items()]
    return outcomes(list(days.values())) | {"days": series}


def delivery(context: FigureContext, query: PeriodQuery) -> Document:
    """Hours from confirmation to shipment and from shipment to delivery, in total and by carrier."""
    by_carrier = context.counters.groups(counters.DELIVERY, context.period(query))
    total = presentation.add_up(by_carrier.values())

    def times(sums: presentation.Sums) -> Document:
        return {"to_ship": presentation.durations(sums, "s"), "to_deliver": presentation.durations(sums, "d")}

    carriers = [{"carrier": carrier} | times(sums) for carrier, sums in sorted(by_carrier.items())]
    return times(total) | {"carriers": carriers}
