"""Orders: merged from their events in any order, their account lines, and their contribution to the counters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.analytics.domain import counters, vendors
from services.analytics.domain.counters import EVERYBODY, CounterChanges
from services.analytics.domain.facts import Fact
from services.chassis.common.money import split

Order = dict[str, Any]
MEASURES: Final = ("o", "u", "g", "d", "r", "x", "s")
"""Orders, units, gross, discounts, refunds, tax, shipping; amounts in minor units."""
BIN_HOURS: Final = (*range(1, 25), *range(30, 97, 6), *range(120, 721, 24))
"""Upper edges of the histogram bins of durations; longer ones go into the last bin."""


def apply_fact(order: Order, fact: Fact) -> None:
    """Merge a fact into the order. The earliest of its kind wins; duplicates change nothing."""
    name = fact.name.removeprefix("order_")
    if name in ("payment_reversed", "payment_refunded"):
        refunds = {sequence: (at, refunded) for sequence, at, refunded in order.get("refunds", ())}
        refunds[fact.sequence] = (fact.at, fact.data["refunded"])
        order["refunds"] = [[sequence, at, refunded] for sequence, (at, refunded) in sorted(refunds.items())]
    elif name not in order or fact.at < order[name]["at"]:
        order[name] = {"at": fact.at, **fact.data}


def entries(order: Order) -> list[dict[str, Any]]:
    """The account lines of the order: one per product sold, and one per product and refund.

    Discount, shipping and tax are allocated to the lines in proportion to their price, so that every grouping adds up
    exactly. A refund takes back goods, tax and shipping in proportion, so that a fully refunded order adds up to 0 in
    net, tax and shipping. Unconfirmed orders have no account lines.
    """
    sale = order.get("confirmed")
    if sale is None or not sale["lines"]:
        return []
    lines = sale["lines"]
    weights = [max(line["g"], 0) for line in lines]
    discounts, shipping = _share(sale["discount"], weights), _share(sale["shipping"], weights)
    taxes = _share(sale["tax"] - sum(line["x"] for line in lines), weights)
    account_lines = [
        {
            "t": sale["at"], "p": line["p"], "k": line["k"], "v": line["v"], "u": line["u"], "g": line["g"],
            "d": discount, "r": 0, "x": line["x"] + tax, "s": share,
        }
        for line, discount, share, tax in zip(lines, discounts, shipping, taxes, strict=True)
    ]  # fmt: skip
    return account_lines + _refund_entries(account_lines, order.get("refunds", ()))


def _refund_entries(sold: list[dict[str, Any]], refunds: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """The account lines of refunds: their goods' part as refund, their parts of tax and shipping as negative ones."""
    account_lines = []
    before, refunded_before = _refunded_parts(sold, 0), 0
    for _, at, refunded in refunds:
        if refunded <= refunded_before:
            continue
        parts = _refunded_parts(sold, refunded)
        for line, (goods, tax, shipping), (goods_before, tax_before, shipping_before) in zip(
            sold, parts, before, strict=True
        ):
            change = {"r": goods - goods_before, "x": tax_before - tax, "s": shipping_before - shipping}
            if any(change.values()):
                account_lines.append(
                    {"t": at, "p": line["p"], "k": line["k"], "v": line["v"], "u": 0, "g": 0, "d": 0, **change}
                )
        before, refunded_before = parts, refunded
    return account_lines


def _refunded_parts(sold: list[dict[str, Any]], refunded: int) -> list[tuple[int, int, int]]:
    """Goods, tax and shipping in `refunded` of the order's total, by line: in proportion to what was paid for each.

    Exact in sum for each amount, and for the whole total equal to what was paid.
    """
    paid = [[line["g"] - line["d"] for line in sold], [line["x"] for line in sold], [line["s"] for line in sold]]
    sums = [sum(amounts) for amounts in paid]
    total = max(sum(sums), 0)
    parts = _share(min(refunded, total), sums)
    parts[0] += max(refunded - total, 0)
    by_line = [
        amounts if part == whole else _share(part, amounts)
        for part, whole, amounts in zip(parts, sums, paid, strict=True)
    ]
    return list(zip(*by_line, strict=True))


def _share(amount: int, weights: Sequence[int]) -> list[int]:
    if len(weights) == 1:
        return [amount]
    return split(amount, [max(weight, 0) for weight in weights]) if amount else [0] * len(weights)


def count(order: Order, changes: CounterChanges, sign: int) -> None:
    """Add the order to the counters (sign 1) or subtract it (sign -1)."""
    account_lines = entries(order)
    if account_lines:
        sale = order["confirmed"]
        sums: dict[tuple[datetime, str, str, str], list[int]] = {}
        for entry in account_lines:
            values = [0, *(entry[measure] for measure in MEASURES[1:])]
            for scope in (EVERYBODY, entry["v"]) if entry["v"] else (EVERYBODY,):
                for dimension, key in (
                    (counters.TOTAL, ""),
                    (counters.PRODUCT, entry["p"]),
                    (counters.CATEGORY, entry["k"]),
                    (counters.COUNTRY, sale["country"]),
                    (counters.CUSTOMER, sale["customer"]),
                    *(() if scope else ((counters.VENDOR, entry["v"]),)),  # in a vendor's scope that is TOTAL
                ):
                    sum_key = (entry["t"], scope, dimension, key)
                    values_so_far = sums.get(sum_key)
                    if values_so_far is None:
                        sums[sum_key] = values[:]
                    else:
                        for index in range(1, 7):
                            values_so_far[index] += values[index]
                    if entry["u"]:
                        sums[sum_key][0] = 1
        for (at, scope, dimension, key), sums_of_key in sums.items():
            fields = [(field, sign * value) for field, value in zip(MEASURES, sums_of_key, strict=True) if value]
            changes.add(dimension, key, at, fields, scope, sale["currency"])
    _count_delivery(order, changes, sign)


def _count_delivery(order: Order, changes: CounterChanges, sign: int) -> None:
    confirmed, shipped, delivered = order.get("confirmed"), order.get("shipped"), order.get("delivered")
    if shipped and confirmed:
        _count_duration(changes, "s", shipped["carrier"], confirmed["at"], shipped["at"], sign)
    if delivered and shipped:
        _count_duration(changes, "d", shipped["carrier"], shipped["at"], delivered["at"], sign)


def _count_duration(
    changes: CounterChanges, step: str, carrier: str, begin: datetime, end: datetime, sign: int
) -> None:
    minutes = max(0, int((end - begin).total_seconds()) // 60)
    bin_ = next((edge for edge in BIN_HOURS if minutes <= edge * 60), BIN_HOURS[-1])
    fields = [(f"{step}n", sign), (f"{step}m", sign * minutes), (f"{step}b{bin_}", sign)]
    changes.add(counters.DELIVERY, carrier, end, fields)


def net_paid(order: Order) -> int:
    """The amount paid less refunds, in minor units; 0 before confirmation."""
    sale = order.get("confirmed")
    if sale is None:
        return 0
    return int(sale["total"] - max((refunded for _, _, refunded in order.get("refunds", ())), default=0))


def funnel_position(order: Order) -> tuple[str, int, datetime, tuple[str, ...]] | None:
    """The order's place in the funnel: link key, stage (2 checkout, 3 paid), time, vendors."""
    bought = order.get("placed") or order.get("confirmed")
    if bought is None:
        return None
    link = f"u:{bought['user']}:{bought['at']:%Y-%m-%d}" if bought["user"] else f"c:{bought['cart']}"
    return link, 3 if "confirmed" in order else 2, bought["at"], vendors.vendors_of_order(order)
