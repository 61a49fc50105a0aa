"""`make bench`: measure a running instance, print a table, keep the figures in `bench/results/`."""

import argparse
import statistics
import subprocess
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bench import auditing, costs, counting, load, report
from bench.lag import LagMeter
from bench.searching import Searching
from bench.stage import BIN, Stage
from bench.works import Browsing, Buying, echo, tracking

SEARCHES = {
    "search with facets": "search",
    "search, the engine alone": "engine_alone",
    "suggest": "suggest",
}
"""Works on twenty thousand products, by the method that makes them: filled in only when one of them is measured."""

ENGINE_WARM_SECONDS = 20.0
"""For a JVM; without it the first searches are slow."""


def main(arguments: list[str]) -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench run", description=__doc__)
    parser.add_argument("--instance", default="bench", help="the instance to measure; started when it does not run")
    parser.add_argument("--seconds", type=float, default=8, help="how long each loop runs (default 8)")
    parser.add_argument("--only", default="", help="measure only works whose name has this in it")
    parser.add_argument("--events", type=int, default=1_000_000, help="events that analytics counts (0: none)")
    parser.add_argument("--keep", action="store_true", help="leave the instance running afterwards")
    options = parser.parse_args(arguments)
    console = Console()
    with console.status(f"instance {options.instance} comes up"):
        stage = _bring_up(options.instance)
    try:
        results = measure(stage, options.seconds, options.only, console)
        if options.events and options.only in "analytics rebuild":
            with console.status("a year of events") as status:
                results["analytics_rebuild"] = counting.measure(options.events, status.update)
        if options.only in "audit entries":
            with console.status("audit entries") as status:
                results["audit"] = auditing.measure(stage.ultramarket, status.update)
    finally:
        if not options.keep:
            stage.ultramarket("down")
    report.show(results, console)
    console.print(f"kept in {report.write(results)}")
    return 0


def measure(stage: Stage, seconds: float, only: str, console: Console) -> dict[str, Any]:
    """Every work with 1 and 16 clients."""
    results: dict[str, Any] = {"machine": costs.machine(), "seconds": seconds, "works": []}
    with console.status("a thousand products"):
        product_ids, skus = stage.fill()
    browsing, buying = Browsing(stage.url, product_ids), Buying(stage.url, skus)
    works: dict[str, Any] = {
        "list 20 products": browsing.list_products,
        "product detail": browsing.product_detail,
        "add to a new guest cart": buying.add_to_cart,
        "whole checkout of a guest": buying.checkout,
        "track 20 events": tracking(stage.url),
    }
    chosen = {name: make for name, make in works.items() if only in name}
    if selected := [name for name in SEARCHES if only in name]:
        with console.status("twenty thousand products to search"):
            searching = Searching(stage.url)
        with console.status("the engine compiles what it does often"):
            load.run(searching.engine_alone, 16, ENGINE_WARM_SECONDS)
        chosen |= {name: getattr(searching, SEARCHES[name]) for name in selected}
    lags: list[float] = []
    with Progress(console=console, transient=True) as progress, stage.echo_service() as echo_pid:
        if only in "RPC echo through the chassis":
            chosen["RPC echo through the chassis"] = echo(stage.amqp_url)
        task = progress.add_task("measuring", total=2 * len(chosen))
        for name, make in chosen.items():
            for clients in (1, 16):
                progress.update(task, description=f"{name}, c={clients}")
                results["works"].append(_measure(stage, name, make, clients, seconds, echo_pid))
                if "checkout" in name and clients == 16:
                    lags = _lags(make, clients, seconds / 2)
                progress.advance(task)
    listed = costs.processes(stage.instance)
    results["memory_mb"] = costs.memory(listed)
    results["memory_ours_mb"] = sum(each["pss_mb"] or 0 for each in listed if each["kind"] == "service")
    results["event_to_kafka_ms"] = {
        "n": len(lags),
        "p50": statistics.median(lags) if lags else float("nan"),
        "p95": sorted(lags)[int(len(lags) * 0.95)] if lags else float("nan"),
    }
    return results


def _lags(make: Any, clients: int, seconds: float) -> list[float]:
    """Milliseconds from each event's commit to its record. In a loop of its own: a reader whom the broker answers for
    each record as it comes costs the broker a quarter more per checkout.
    """
    meter = LagMeter()
    load.run(make, clients, seconds)
    return meter.stop()


def _measure(stage: Stage, name: str, make: Any, clients: int, seconds: float, echo_pid: int) -> dict[str, Any]:
    load.run(make, clients, min(seconds / 4, 2))  # warm: connections, caches, compiled queries
    listed = [*costs.processes(stage.instance), {"name": "echo", "pid": echo_pid}]
    before = costs.cpu_seconds(listed)
    result = load.run(make, clients, seconds)
    after = costs.cpu_seconds(listed)
    return {
        "work": name,
        "clients": clients,
        "per_second": round(result.per_second, 1),
        "p50_ms": round(result.percentile(50), 2),
        "p95_ms": round(result.percentile(95), 2),
        "p99_ms": round(result.percentile(99), 2),
        "operations": len(result.times),
        "errors": result.errors,
        "cpu": costs.spent(before, after, len(result.times)),
    }


def _bring_up(instance: str) -> Stage:
    subprocess.run([str(BIN / "ultramarket"), "--instance", instance, "up"], check=True, stdout=subprocess.DEVNULL)
    return Stage(instance)
