"""Outages one after the other under steady orders: the replies meanwhile, and the time until all works again."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from ultramarket.chaos import faults
from ultramarket.chaos.availability import AvailabilityCheck
from ultramarket.chaos.load import Load
from ultramarket.chaos.outage_results import OutageResult
from ultramarket.chaos.products import new_products
from ultramarket.chaos.run import Run, wait_until
from ultramarket.chaos.shop_client import Observation

RECOVERY_SECONDS: Final = 30.0
"""Seconds in which orders are confirmed and all processes are healthy again, by themselves."""
REPLY_SECONDS: Final = 6.0
"""The limit of a reply: the services' own of 5 s, and one for buyers and services on the same processors."""
SETTLE_SECONDS: Final = 240.0
"""Seconds after which a recovery is no longer waited for."""
BETWEEN_SECONDS: Final = 3.0
AT_ONCE: Final = 4
STOCK: Final = 1_000_000


@dataclass(frozen=True)
class Outage:
    """A fault of one server; where the server can't be reached at all, availability is compared with its table."""

    server: str
    kind: str
    fault: AbstractContextManager[object]
    compares_availability: bool = False

    @property
    def name(self) -> str:
        return f"{self.server} {self.kind}"


def carry_out(run: Run, outages: Sequence[Outage], seconds: float) -> list[OutageResult]:
    """Orders by a few buyers during each outage of so many seconds, and after it until all is healthy again."""
    [sku] = new_products(run, [STOCK])
    availability = AvailabilityCheck(run, sku)
    load = Load(run, sku, AT_ONCE)
    load.start()
    try:
        for outage in outages:
            result = _carry_out(run, outage, seconds, availability)
            run.outages.append(result)
            time.sleep(BETWEEN_SECONDS)
    finally:
        load.stop()
    run.findings["outages"] = len(run.outages)
    run.findings["slowest recovery (s)"] = max(result.order_recovery for result in run.outages)
    run.findings["slowest reply (s)"] = max(result.slowest_seconds for result in run.outages)
    return run.outages


def _carry_out(run: Run, outage: Outage, seconds: float, availability: AvailabilityCheck) -> OutageResult:
    if outage.compares_availability:
        availability.prepare()
    first, before, begun = len(run.client.observations), run.counters.confirmed, time.monotonic()
    with outage.fault:
        if outage.compares_availability:
            availability.compare(outage.server)
        time.sleep(max(begun + seconds - time.monotonic(), 0.0))
        during = run.counters.confirmed - before
    ended, confirmed = time.monotonic(), run.counters.confirmed
    recovered = wait_until(lambda: run.counters.confirmed > confirmed, SETTLE_SECONDS)
    order_recovery = time.monotonic() - ended
    run.expect(recovered and order_recovery < RECOVERY_SECONDS, f"{outage.name}: no order for {order_recovery:.0f} s")
    faults.wait_until_healthy(run, SETTLE_SECONDS)
    health_recovery = time.monotonic() - ended
    run.expect(health_recovery < RECOVERY_SECONDS, f"{outage.name}: not healthy for {health_recovery:.0f} s")
    observations = run.client.observations[first:]
    for message in wrong_replies(observations):
        run.expect(False, f"{outage.name}: {message}")
    slowest = max(observations, key=lambda one: one.seconds)
    return OutageResult(
        outage.name,
        during,
        dict(sorted(Counter(str(one.status or one.code) for one in observations).items())),
        round(slowest.seconds, 1),
        f"{slowest.request}: {slowest.status or slowest.code}",
        round(order_recovery, 1),
        round(health_recovery, 1),
    )


def wrong_replies(observations: Sequence[Observation]) -> list[str]:
    """Replies that no outage excuses: failures other than 503 and 504, without Retry-After, late ones, missing ones."""
    wrong: Counter[str] = Counter()
    for one in observations:
        if one.status == 0:
            wrong[f"{one.request} got no reply: {one.code}"] += 1
        elif one.status >= 500 and not one.is_unavailable:
            wrong[f"{one.request} was answered with {one.status} {one.code}"] += 1
        elif one.is_unavailable and not one.has_retry_after:
            wrong[f"{one.request} was answered with {one.status} without Retry-After"] += 1
        if one.seconds > REPLY_SECONDS:
            wrong[f"{one.request} took longer than {REPLY_SECONDS:.0f} s"] += 1
    return [f"{text} ({count} times)" for text, count in wrong.items()]
