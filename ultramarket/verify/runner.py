"""Runs the checks. What is wrong in one pass only was in flight: a breach is what stays wrong."""

import time
from collections.abc import Callable, Iterable
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


def verify(instance: Instance, report: Callable[[CheckResult], None] = lambda result: None) -> list[CheckResult]:
    """Run all checks; `report` is called with each result as soon as it is known."""
    results = []
    with open_stores(instance.url) as stores:
        for check in CHECKS:
            results.append(settled(lambda check=check: check(stores)))  # type: ignore[misc]
            report(results[-1])
    results.append(settled(lambda: check_dead_letters(instance)))
    report(results[-1])
    return results


def settled(check: Callable[[], CheckResult], passes: int = PASSES, pause: float = PAUSE_SECONDS) -> CheckResult:
    """The result of a check with only those breaches that every pass has found: orders in flight are not wrong."""
    result = check()
    for _ in range(passes - 1):
        if not result.breaches:
            break
        time.sleep(pause)
        wrong = {breach.id for breach in result.breaches}
        result = check()
        result.breaches = [breach for breach in result.breaches if breach.id in wrong]
    return result


def is_right(results: Iterable[CheckResult]) -> bool:
    return not any(result.breaches for result in results)
