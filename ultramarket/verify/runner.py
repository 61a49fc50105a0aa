"""Runs the checks. What is wrong in one pass only was in flight: a breach is what stays wrong."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ultramarket.instance import Instance
from ultramarket.verify import event_log, events, ledger, orders, provider, read_models, shipments, stock
from ultramarket.verify.dead_letters import check_dead_letters
from ultramarket.verify.results import CheckResult
from ultramarket.verify.stores import Stores, open_stores

Check = Callable[[Stores], CheckResult]
CHECKS: Final[tuple[Check, ...]] = (
    stock.check_stock,
    orders.check_orders,
    orders.check_unfinished,
    provider.check_provider,
    ledger.check_ledger,
    shipments.check_shipments,
    events.check_outboxes,
    events.check_versions,
    *event_log.KAFKA_CHECKS,
    read_models.check_order_list,
    read_models.check_search,
    read_models.check_stock_copies,
    read_models.check_names,
)
PASSES: Final = 4
PAUSE_SECONDS: Final = 3.0
AT_ONCE: Final = 2
"""Checks that run at the same time: one reads and compares here while the servers work for the other."""


def verify(instance: Instance, report: Callable[[CheckResult], None] = lambda result: None) -> list[CheckResult]:
    """Run all checks; `report` is called with each result, in order, as soon as it is known."""
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_run, instance, check) for check in CHECKS]
        running.append(pool.submit(settled, lambda: check_dead_letters(instance)))
        for one in running:
            results.append(one.result())
            report(results[-1])
    return results


def _run(instance: Instance, check: Check) -> CheckResult:
    """Run a check on connections of its own."""
    with open_stores(instance.url) as stores:
        return settled(lambda: check(stores))


def settled(check: Callable[[], CheckResult], passes: int = PASSES, pause: float = PAUSE_SECONDS) -> CheckResult:
    """The result of a check with only those breaches that every pass has found: orders in flight are not wrong."""
    begun = time.monotonic()
    result = check()
    for _ in range(passes - 1):
        if not result.breaches:
            break
        time.sleep(pause)
        wrong = {breach.id for breach in result.breaches}
        result = check()
        result.breaches = [breach for breach in result.breaches if breach.id in wrong]
    result.seconds = round(time.monotonic() - begun, 1)
    return result


def is_right(results: Iterable[CheckResult]) -> bool:
    return not any(result.breaches for result in results)
