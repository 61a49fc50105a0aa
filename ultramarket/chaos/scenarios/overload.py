"""Overload: orders arrive four times as fast as they can be placed. Those accepted stay fast, the rest are refused."""

from functools import partial
from statistics import median
from typing import Final

from ultramarket.chaos.arrivals import Answers, fill_carts, order_at_rate, p95
from ultramarket.chaos.buyers import Buyer
from ultramarket.chaos.products import new_products
from ultramarket.chaos.run import Run, in_parallel
from ultramarket.chaos.shop_client import Reply

CAPACITY_ORDERS: Final = 400
CAPACITY_AT_ONCE: Final = 8
NORMAL: Final = 0.7
"""The load before and after, as a part of the capacity."""
OVERLOAD: Final = 4.0
NORMAL_SECONDS: Final = 12.0
OVERLOAD_SECONDS: Final = 20.0
SLOWER: Final = 2.0
"""Accepted requests may take so many times their normal p95."""
RECOVERY_SECONDS: Final = 5.0
AT_ONCE_SECONDS: Final = 1.0
"""A refusal "at once" on a machine whose clients take their share of it."""


def carry_out(run: Run) -> None:
    """Measure the capacity, then load below it, at four times of it, and below it again."""
    [sku] = new_products(run, [1_000_000])
    fill = partial(fill_carts, run, sku)
    capacity = _capacity(run, fill(CAPACITY_ORDERS))
    rate = NORMAL * capacity
    before = order_at_rate(run, fill(int(rate * NORMAL_SECONDS)), rate)
    crowd, after_crowd = fill(int(OVERLOAD * capacity * OVERLOAD_SECONDS)), fill(int(rate * NORMAL_SECONDS))
    with run.fault("overload"):
        during = order_at_rate(run, crowd, OVERLOAD * capacity)
    recovering = after_crowd[: int(rate * RECOVERY_SECONDS)]
    order_at_rate(run, recovering, rate)
    after = order_at_rate(run, after_crowd[len(recovering) :], rate)
    _judge(run, capacity, before, during, after)


def _capacity(run: Run, buyers: list[Buyer]) -> float:
    """Orders a second with several buyers at once, who wait for each answer."""
    begun = run.now
    in_parallel(CAPACITY_AT_ONCE, [partial(_order, run, buyer) for buyer in buyers])
    return len(buyers) / (run.now - begun)


def _order(run: Run, buyer: Buyer) -> None:
    run.record(buyer.order())


def _judge(run: Run, capacity: float, before: Answers, during: Answers, after: Answers) -> None:
    normal, accepted, recovered = p95(before.accepted), p95(during.accepted), p95(after.accepted)
    refused = p95(during.refused)
    run.findings |= {
        "capacity (orders/s, 8 at once)": round(capacity, 1),
        "normal load: p95 (ms)": round(normal * 1000),
        "overload: arrivals/s": round(OVERLOAD * capacity, 1),
        "overload: accepted": len(during.accepted),
        "overload: accepted/s": round(len(during.accepted) / during.seconds, 1),
        "overload: p95 of accepted (ms)": round(accepted * 1000),
        "overload: p95 of accepted / normal p95": round(accepted / normal, 2),
        "overload: refused with 503": len(during.refused),
        "overload: median refusal (ms)": round(_median(during.refused) * 1000),
        "overload: p95 of refusals (ms)": round(refused * 1000),
        "5 s later: p95 (ms)": round(recovered * 1000),
        "other replies": len(before.other) + len(during.other) + len(after.other),
    }
    run.expect(accepted <= SLOWER * normal, f"p95 of accepted orders is {accepted / normal:.1f} times the normal one")
    run.expect(recovered <= SLOWER * normal, f"5 s after, p95 is {recovered / normal:.1f} times the normal one")
    run.expect(not before.refused and not after.refused, "orders were refused under normal load")
    others = [reply.status for answers in (before, during, after) for reply in answers.other]
    run.expect(not others, f"neither accepted nor refused with 503: {sorted(set(others))}")
    run.expect(_median(during.refused) <= AT_ONCE_SECONDS, "refusals took longer than a second")
    silent = run.client.unavailable_without_retry_after
    run.expect(silent == 0, f"{silent} replies of 503 without Retry-After")


def _median(replies: list[Reply]) -> float:
    return median([reply.seconds for reply in replies]) if replies else 0.0
