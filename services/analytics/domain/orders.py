"""An order as the figures see it: what is known of it, whichever event came first, and what it adds to counters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.analytics.domain import counters, vendors
from services.analytics.domain.counters import EVERYBODY, Counters
from services.analytics.domain.facts import Fact
from services.chassis.common.money import split

Order = dict[str, Any]
MEASURES: Final = ("o", "u", "g", "d", "r", "x", "s")
"""Orders, units, gross, discounts, refunds, tax, shipping; money in minor units."""
BIN_HOURS: Final = (*range(1, 25), *range(30, 97, 6), *range(120, 721, 24))
"""Upper edges of the bins that durations fall into; what is longer falls into the last."""


def learn(order: Order, fact: Fact) -> None:
    """Add a fact. The first of its kind stays; a repetition changes nothing."""
    name = fact.name.removeprefix("order_")
    if name in ("payment_reversed", "payment_refunded"):
        known = {sequence: (at, refunded) for sequence, at, refunded in order.get("refunds", ())}
        known[fact.sequence] = (fact.at, fact.said["refunded"])
        order["refunds"] = [[sequence, at, refunded] for sequence, (at, refunded) in sorted(known.items())]
    elif name not in order or fact.at < order[name]["at"]:
        order[name] = {"at": fact.at, **fact.said}


def entries(order: Order) -> list[dict[str, Any]]:
    """The order as an account book has it: a line for each product sold, and one for each that money went back for.

    Discount and shipping are shared out over the lines by their price, so that any grouping adds up to the cent.
    An order counts from its confirmation on; one that never was confirmed has no lines.
    """
    sale = order.get("confirmed")
    if sale is None or not sale["lines"]:
        return []
    lines = sale["lines"]
    weights = [max(line["g"], 0) for line in lines]
    discounts, shipping = _share(sale["discount"], weights), _share(sale["shipping"], weights)
    taxes = _share(sale["tax"] - sum(line["x"] for line in lines), weights)
    booked = [
        {
            "t": sale["at"], "p": line["p"], "k": line["k"], "v": line["v"], "u": line["u"], "g": line["g"],
            "d": discount, "r": 0, "x": line["x"] + tax, "s": share,
        }
        for line, discount, share, tax in zip(lines, discounts, shipping, taxes, strict=True)
    ]  # fmt: skip
    given_back = 0
    for _, at, refunded in order.get("refunds", ()):
        if refunded > given_back:
            parts = _share(refunded - given_back, weights)
            booked += [
                {"t": at, "p": line["p"], "k": line["k"], "v": line["v"],
                 "u": 0, "g": 0, "d": 0, "r": part, "x": 0, "s": 0}
                for line, part in zip(lines, parts, strict=True)
                if part
            ]  # fmt: skip
            given_back = refunded
    return booked


def _share(amount: int, weights: Sequence[int]) -> list[int]:
    if len(weights) == 1:
        return [amount]
    return split(amount, weights) if amount else [0] * len(weights)


def count(order: Order, book: Counters, sign: int) -> None:
    """Add the order to the counters (sign 1), or take it out again (-1)."""
    booked = entries(order)
    if booked:
        sale = order["confirmed"]
        sums: dict[tuple[datetime, str, str, str], list[int]] = {}
        for entry in booked:
            values = [0, *(entry[measure] for measure in MEASURES[1:])]
            for scope in (EVERYBODY, entry["v"]) if entry["v"] else (EVERYBODY,):
                for dimension, key in (
                    (counters.TOTAL, ""),
                    (counters.PRODUCT, entry["p"]),
                    (counters.CATEGORY, entry["k"]),
                    (counters.COUNTRY, sale["country"]),
                    (counters.CUSTOMER, sale["customer"]),
                    *(() if scope else ((counters.VENDOR, entry["v"]),)),  # a vendor's own: TOTAL
                ):
                    place = (entry["t"], scope, dimension, key)
                    known = sums.get(place)
                    if known is None:
                        sums[place] = values[:]
                    else:
                        for index in range(1, 7):
                            known[index] += values[index]
                    if entry["u"]:
                        sums[place][0] = 1
        for (at, scope, dimension, key), sum_ in sums.items():
            fields = [(field, sign * value) for field, value in zip(MEASURES, sum_, strict=True) if value]
            book.add(dimension, key, at, fields, scope, sale["currency"])
    _count_delivery(order, book, sign)


def _count_delivery(order: Order, book: Counters, sign: int) -> None:
    confirmed, shipped, delivered = order.get("confirmed"), order.get("shipped"), order.get("delivered")
    if shipped and confirmed:
        _count_duration(book, "s", shipped["carrier"], confirmed["at"], shipped["at"], sign)
    if delivered and shipped:
        _count_duration(book, "d", shipped["carrier"], shipped["at"], delivered["at"], sign)


def _count_duration(book: Counters, step: str, carrier: str, begin: datetime, end: datetime, sign: int) -> None:
    minutes = max(0, int((end - begin).total_seconds()) // 60)
    bin_ = next((edge for edge in BIN_HOURS if minutes <= edge * 60), BIN_HOURS[-1])
    fields = [(f"{step}n", sign), (f"{step}m", sign * minutes), (f"{step}b{bin_}", sign)]
    book.add(counters.DELIVERY, carrier, end, fields)


def worth(order: Order) -> int:
    """What the customer has paid and not got back; 0 while it isn't confirmed."""
    sale = order.get("confirmed")
    if sale is None:
        return 0
    return int(sale["total"] - max((refunded for _, _, refunded in order.get("refunds", ())), default=0))


def journey(order: Order) -> tuple[str, int, datetime, tuple[str, ...]] | None:
    """Where it belongs in the funnel: its link, how far it came (2: checkout, 3: paid), since when, whose goods."""
    bought = order.get("placed") or order.get("confirmed")
    if bought is None:
        return None
    link = f"u:{bought['user']}:{bought['at']:%Y-%m-%d}" if bought["user"] else f"c:{bought['cart']}"
    return link, 3 if "confirmed" in order else 2, bought["at"], vendors.of_order(order)
