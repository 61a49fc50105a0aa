"""Open-loop load: orders arrive at random (a Poisson process), whether or not earlier ones were answered."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

from ultramarket.chaos.buyers import Buyer, Outcome
from ultramarket.chaos.run import Run, in_parallel
from ultramarket.chaos.shop_client import Reply, new_key

MOST_AT_ONCE: Final = 1_500
"""Requests in flight at once: threads of the load generator."""
FILLING_AT_ONCE: Final = 8
CARD: Final = "pm_card_visa"


@dataclass
class Answers:
    """The replies to the orders of one phase."""

    accepted: list[Reply] = field(default_factory=list)
    refused: list[Reply] = field(default_factory=list)
    other: list[Reply] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, reply: Reply) -> None:
        (self.accepted if reply.status == 201 else self.refused if reply.status == 503 else self.other).append(reply)


def order_at_rate(run: Run, buyers: Sequence[Buyer], rate: float) -> Answers:
    """Each buyer orders the filled cart once, `rate` buyers a second on average. Returns when all have an answer."""
    answers, lock = Answers(), threading.Lock()

    def order(buyer: Buyer) -> None:
        run.counters.begin()
        reply = buyer.send_order(CARD, new_key())
        run.counters.end("confirmed" if reply.status == 201 else "refused" if reply.status == 503 else "unknown")
        if reply.status == 201:
            order = reply.data
            total = order["total"]["amount"]
            run.record(Outcome("confirmed", buyer.email, order["id"], order["status"], total, reply.seconds))
        with lock:
            answers.add(reply)

    begun = arrival = time.monotonic()
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for buyer in buyers:
            time.sleep(max(arrival - time.monotonic(), 0))
            pool.submit(order, buyer)
            arrival += run.rng.expovariate(rate)
        answers.seconds = time.monotonic() - begun
    return answers


def fill_carts(run: Run, sku: str, count: int) -> list[Buyer]:
    """Buyers with one unit in the cart each."""

    def buyer() -> Buyer:
        guest = run.buyer()
        guest.fill_cart({sku: 1})
        return guest

    return in_parallel(FILLING_AT_ONCE, [buyer] * count)


def p95(replies: Sequence[Reply]) -> float:
    """The 95th percentile of the replies' seconds; 0 without replies."""
    seconds = [reply.seconds for reply in replies]
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else sum(seconds)
