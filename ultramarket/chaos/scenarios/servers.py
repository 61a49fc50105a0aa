"""Servers: each is stopped, killed and frozen for a while under steady orders. No wrong answer, and it all recovers."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ultramarket.chaos import faults
from ultramarket.chaos.load import Load
from ultramarket.chaos.products import new_products
from ultramarket.chaos.run import Run, wait_until

SERVERS = ("postgres", "rabbitmq", "redis", "mongodb", "elasticsearch", "kafka", "mail")
FAULT_SECONDS = 30.0
RECOVERY_SECONDS = 30.0
BETWEEN_SECONDS = 5.0
AT_ONCE = 4


def carry_out(run: Run) -> None:
    """Each server x (stopped, killed, frozen); after each fault orders are confirmed again within 30 s."""
    [sku] = new_products(run, [1_000_000])
    load = Load(run, sku, AT_ONCE)
    load.start()
    recoveries: dict[str, float] = {}
    for server in SERVERS:
        for name, fault in _faults(run, server).items():
            before = run.counters.confirmed
            with fault:
                time.sleep(FAULT_SECONDS)
                during = run.counters.confirmed - before
            ended, confirmed = run.now, run.counters.confirmed
            recovered = wait_until(lambda confirmed=confirmed: run.counters.confirmed > confirmed, 4 * RECOVERY_SECONDS)  # type: ignore[misc]
            recoveries[f"{server} {name}"] = round(run.now - ended, 1)
            run.findings[f"{server} {name}"] = f"{during} orders meanwhile, the next after {run.now - ended:.1f} s"
            run.expect(recovered and run.now - ended < RECOVERY_SECONDS, f"{server} {name}: no order within 30 s")
            time.sleep(BETWEEN_SECONDS)
    load.stop()
    run.findings["slowest recovery"] = max(recoveries.values())
    faults.wait_until_healthy(run)
    run.findings["slowest reply (s)"] = round(run.client.slowest, 1)
    run.expect("500" not in run.client.statuses, f"{run.client.statuses.get('500')} replies were 500")
    silent = run.client.unavailable_without_retry_after
    run.expect(silent == 0, f"{silent} replies of 503 or 504 without Retry-After")


def _faults(run: Run, server: str) -> dict[str, AbstractContextManager[None]]:
    kinds: dict[str, Callable[[Run, str], AbstractContextManager[None]]] = {
        "stopped": faults.stopped,
        "killed": killed,
        "frozen": faults.frozen,
    }
    return {name: kind(run, server) for name, kind in kinds.items()}


@contextmanager
def killed(run: Run, server: str) -> Iterator[None]:
    """`kill -9` the server; its supervisor starts it again."""
    with run.fault(f"{server} killed"):
        for name in faults.server_processes(run, server):
            faults.kill(run, name)
        yield
