"""`python -m bench run`, by `make bench`: measure an instance, print tables, keep the figures in `bench/results/`."""

import argparse
import statistics
from typing import Any, Final

from rich.console import Console

from bench import auditing, costs, counting, load, report
from bench.floors.all import floors_of
from bench.lag import LagMeter
from bench.progress import progress
from bench.rounds import Rounds
from bench.stage import Stage, bring_up
from bench.work_list import Works
from ultramarket.instance import load as load_instance

CLIENTS: Final = (1, 16)
ECHO: Final = "RPC echo"
CHECKOUT: Final = "whole checkout of a guest"
ANALYTICS, AUDIT = "analytics rebuild", "audit entries"
FLOOR_SECONDS: Final = 0.4
IDLE_SECONDS: Final = 4.0


def main(arguments: list[str]) -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench run", description=__doc__)
    parser.add_argument("--instance", default="bench", help="the instance to measure; started when it does not run")
    parser.add_argument("--seconds", type=float, default=3, help="how long a work runs in each round (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each work is measured (default 3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="measure only works whose name has this in it")
    parser.add_argument("--events", type=int, default=1_000_000, help="events that analytics counts (0: skip it)")
    parser.add_argument("--keep", action="store_true", help="leave the instance running afterwards")
    options = parser.parse_args(arguments)
    console = report.console()
    with console.status(f"instance {options.instance} comes up"):
        stage = bring_up(options.instance)
    try:
        results = measure(stage, options.seconds, options.rounds, options.only, console)
        if options.events and options.only in ANALYTICS:
            with console.status("a year of events") as status:
                results["analytics_rebuild"] = counting.measure(options.events, status.update)
        if options.only in AUDIT:
            with console.status("audit entries") as status:
                results["audit"] = auditing.measure(stage.ultramarket, status.update)
    finally:
        if not options.keep:
            stage.ultramarket("down")
    report.show(results, console)
    console.print(f"kept in {report.write(results)}")
    return 0


def measure(stage: Stage, seconds: float, rounds: int, only: str, console: Console) -> dict[str, Any]:
    """Every work with 1 and 16 clients, in turn with the floors."""
    works = Works(stage)
    names = works.names(only)
    instance = load_instance(stage.instance)
    results: dict[str, Any] = {
        "machine": costs.machine(), "layout": instance.layout, "seconds": seconds, "rounds": rounds,
        "floor_seconds": FLOOR_SECONDS, "works": [],
    }  # fmt: skip
    with stage.echo_service() as echo_pid, floors_of(stage.instance) as floors:
        with console.status("products"):
            chosen = {name: works.runner(name) for name in names}
        listed = [*costs.processes(stage.instance), {"name": "echo", "pid": echo_pid}]
        measuring = Rounds(listed, floors, seconds, FLOOR_SECONDS)
        measuring.measure_idle(IDLE_SECONDS)
        results["idle_cpu_ms_per_second"] = measuring.idle_cpu
        with progress(console, len(chosen) * (1 + rounds * len(CLIENTS))) as advance:
            results["works"] = measuring.measure(chosen, CLIENTS, rounds, advance)
        results["event_to_kafka_ms"] = _lags(works, seconds) if CHECKOUT in names else None
    listed = costs.processes(stage.instance)
    results["memory_mb"] = costs.memory(listed)
    results["memory_ours_mb"] = sum(each["pss_mb"] or 0 for each in listed if each["kind"] == "service")
    return results


def _lags(works: Works, seconds: float) -> dict[str, float]:
    """Milliseconds from each event's commit to its record. In a loop of its own: a reader whom the broker answers for
    each record as it comes costs the broker a quarter more per checkout.
    """
    make = works.make(CHECKOUT)
    meter = LagMeter()
    load.run(make, max(CLIENTS), seconds)
    lags = meter.stop()
    return {
        "n": len(lags),
        "p50": statistics.median(lags) if lags else float("nan"),
        "p95": sorted(lags)[int(len(lags) * 0.95)] if lags else float("nan"),
    }
