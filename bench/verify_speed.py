"""Duration of `ultramarket verify`: `python -m bench.verify_speed [ORDERS…]`.

Starts an instance of its own, buys a few orders, ships and cancels some, stops the services, and copies the orders
(`order_copies`) until there are so many; then measures each number in turn. Results: bench/results/verify/.
"""

import argparse
import json
import os
import resource
import subprocess
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench import costs
from bench.order_copies import Writer, templates
from bench.stage import BIN, Stage
from bench.works import Buying, connection
from services.chassis.runtime.registry import ANALYTICS_CONSUMER, BRIDGE, GATEWAY, SERVICES
from ultramarket.instance import load
from ultramarket.verify.results import CheckResult
from ultramarket.verify.runner import verify
from ultramarket.verify.stores import Stores, open_stores

RESULTS: Final = Path(__file__).parent / "results" / "verify"
NUMBERS: Final = (20_000, 100_000)
ORIGINALS: Final = 24
SHIPPED, CANCELLED = 6, 3
SETTLED_SECONDS: Final = 120.0
GOAL_SECONDS: Final = 60


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.verify_speed", description=__doc__)
    parser.add_argument("orders", nargs="*", type=int, default=NUMBERS, help="numbers of orders to measure with")
    parser.add_argument("--instance", default="verify-speed", help="an instance that may be filled (default: its own)")
    parser.add_argument("--keep", action="store_true", help="leave the instance and its data")
    arguments = parser.parse_args()
    console = Console()
    with console.status(f"instance {arguments.instance} comes up"):
        subprocess.run([BIN / "ultramarket", "--instance", arguments.instance, "up"], check=True, capture_output=True)
    stage = Stage(arguments.instance)
    try:
        runs = measure(stage, sorted(arguments.orders), console)
    finally:
        if not arguments.keep:
            stage.ultramarket("down", "--wipe")
    results = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": costs.machine(), "goal_seconds": GOAL_SECONDS}
    console.print(f"kept in {write(results | {'runs': runs})}")


def measure(stage: Stage, numbers: list[int], console: Console) -> list[dict[str, Any]]:
    """Verify with each number of orders, the smallest first."""
    instance = load(stage.instance)
    with open_stores(instance.url) as stores:
        with console.status("orders to copy"):
            order_ids = _buy(stage)
            _wait_until_right(instance)
            stage.ultramarket("stop", GATEWAY, *SERVICES, BRIDGE, ANALYTICS_CONSUMER)
        writing = psycopg2.connect(instance.url("postgres"))
        originals = templates(stores, writing, order_ids)
        writer, runs = Writer(stores, writing), []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        for number in numbers:
            with Progress(*columns, console=console) as progress:
                missing = number - _orders(stores)
                task = progress.add_task(f"{number:,} orders", total=missing)
                writer.write(originals, missing, lambda size, task=task: progress.advance(task, size))  # type: ignore[misc]
            runs.append(_run(instance, number, console))
    return runs


def _buy(stage: Stage) -> list[str]:
    """Orders to copy: confirmed ones, some of them shipped, some cancelled."""
    _, skus = stage.fill()
    buying = Buying(stage.url, skus)
    buy = buying.checkout(1)
    for _ in range(ORIGINALS):
        buy()
    client = connection(stage.url)
    headers = stage.administrator(client)
    for order_id in buying.order_ids[:SHIPPED]:
        _expect_success(client.request("POST", "/shipments", {"order_id": order_id}, _with_key(headers)))
    for order_id in buying.order_ids[-CANCELLED:]:
        _expect_success(client.request("POST", f"/orders/{order_id}/cancel", {}, _with_key(headers)))
    return buying.order_ids


def _with_key(headers: dict[str, str]) -> dict[str, str]:
    return headers | {"Idempotency-Key": uuid.uuid4().hex}


def _expect_success(reply: tuple[int, Any, bytes]) -> None:
    if reply[0] >= 300:
        raise RuntimeError(f"{reply[0]}: {reply[2][:300].decode()}")


def _wait_until_right(instance: Any) -> None:
    """Wait until nothing of the orders is in flight."""
    until = time.monotonic() + SETTLED_SECONDS
    while wrong := [breach for result in verify(instance) for breach in result.breaches]:
        if time.monotonic() > until:
            raise RuntimeError(f"the books are wrong before anything is copied: {wrong[:5]}")


def _orders(stores: Stores) -> int:
    return int(stores.all("select count(*) as orders from orders.orders")[0].orders)


def _run(instance: Any, number: int, console: Console) -> dict[str, Any]:
    """One verification: seconds by check, of which two run at once; CPU seconds of this process and of the servers."""
    checks: list[dict[str, Any]] = []
    servers = [each for each in costs.processes(instance.name) if each["kind"] == "server"]
    load, begin = os.getloadavg()[0], _Reading(servers)

    def report(result: CheckResult) -> None:
        figures = {"examined": result.examined, "wrong": len(result.breaches), "seconds": result.seconds}
        checks.append({"check": result.name, **figures})
        console.print(f"  {result.name:<24} {result.examined:>10,} {len(result.breaches):>5} {result.seconds:6.1f} s")
        for breach in result.breaches[:3]:
            console.print(f"    {breach.id}: {breach.message}")

    verify(instance, report)
    total = _Reading(servers).since(begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.print(f"{number:,} orders: {total}, {memory} MB, load {load:.1f} before")
    return {"orders": number, **total, "load_before": round(load, 1), "peak_memory_mb": memory, "checks": checks}


class _Reading:
    """The time, and the CPU seconds that were used so far."""

    def __init__(self, servers: list[dict[str, Any]]) -> None:
        used = costs.cpu_seconds(servers)
        self.own = used.pop(costs.GENERATOR)
        self.servers, self.at = sum(used.values()), time.monotonic()

    def since(self, before: "_Reading") -> dict[str, float]:
        return {
            "seconds": round(self.at - before.at, 1),
            "own_cpu": round(self.own - before.own, 1),
            "servers_cpu": round(self.servers - before.servers, 1),
        }


def write(results: dict[str, Any]) -> Path:
    """Write the results as JSON and as Markdown; the path of the latter."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "speed.json").write_text(json.dumps(results, indent=1) + "\n")
    page = RESULTS / "speed.md"
    page.write_text("\n".join(_page(results)) + "\n")
    return page


def _page(results: dict[str, Any]) -> list[str]:
    machine, runs = results["machine"], results["runs"]
    lines = [
        "# Speed of `ultramarket verify`",
        "",
        f"{results['at']}, on {machine['cores']} cores of {machine['cpu']}, {machine['memory_gb']} GB; load average"
        f" before each run: {', '.join(str(run['load_before']) for run in runs)}. The orders are copies of {ORIGINALS}"
        " real ones, each with its events, payment, ledger entries, reservation, list entry and records in Kafka; the"
        f" services are stopped. Goal: 100,000 orders in less than {results['goal_seconds']} s.",
        "",
        "Seconds of each check; two run at once. CPU seconds are those of verify and of the servers, which depend less"
        " on what else the machine does.",
        "",
        "| check | " + " | ".join(f"{run['orders']:,} orders" for run in runs) + " |",
        "|---|" + "---:|" * len(runs),
    ]
    for index, check in enumerate(runs[-1]["checks"]):
        figures = [run["checks"][index] for run in runs]
        cells = [f"{each['examined']:,} examined, {each['seconds']} s" for each in figures]
        lines.append(f"| {check['check']} | " + " | ".join(cells) + " |")
    lines.append("| **all** | " + " | ".join(f"**{run['seconds']} s**" for run in runs) + " |")
    lines.append("| CPU of verify | " + " | ".join(f"{run['own_cpu']} s" for run in runs) + " |")
    lines.append("| CPU of the servers | " + " | ".join(f"{run['servers_cpu']} s" for run in runs) + " |")
    lines.append("| peak memory of verify | " + " | ".join(f"{run['peak_memory_mb']} MB" for run in runs) + " |")
    return lines


if __name__ == "__main__":
    main()
