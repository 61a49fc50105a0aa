"""`python -m bench profile`: drive one work, and print where its CPU goes and what it makes the servers do."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import costs, load, report
from bench.profiling import stacks, tables
from bench.profiling.counters import counters_of
from bench.profiling.firehose import tracing
from bench.profiling.phases import SETTLE_SECONDS, measure_phase, per_operation
from bench.profiling.statements import load_statements
from bench.stage import Stage, bring_up
from bench.work_list import Works
from ultramarket.instance import load as load_instance

TRACED_OPERATIONS: Final = 20
"""Operations of one client while every message is copied to us."""
COMPARED: Final = 4.0
"""Seconds without load whose counts and CPU are taken off."""


def main(arguments: list[str]) -> int:
    """Parse the arguments and profile."""
    parser = argparse.ArgumentParser(prog="python -m bench profile", description=__doc__)
    parser.add_argument(
        "--work", default="checkout", help="the first work whose name has this in it (default: checkout)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long each phase of load is (default 10; 2 phases)"
    )
    parser.add_argument("--clients", type=int, default=16, help="clients of the load (default 16)")
    parser.add_argument(
        "--instance", default="bench", help="the instance; started when it does not run, and left running"
    )
    parser.add_argument(
        "--py-spy", default="", metavar="PATH", help="where py-spy is, if neither in .venv nor on the PATH"
    )
    parser.add_argument("--no-stacks", action="store_true", help="skip py-spy")
    parser.add_argument("--no-messages", action="store_true", help="skip the list of messages by exchange and queue")
    parser.add_argument(
        "--load-statements", action="store_true",
        help="restart PostgreSQL once with pg_stat_statements, to count by statement (stays loaded)",
    )  # fmt: skip
    parser.add_argument("--json", default="", metavar="FILE", help="write the figures to this file as well")
    options = parser.parse_args(arguments)
    console = report.console()
    with console.status(f"instance {options.instance} comes up"):
        stage = bring_up(options.instance)
    if options.load_statements:
        load_statements(load_instance(stage.instance), stage.ultramarket)
    figures = profile(stage, options, console)
    tables.show(figures, console)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def profile(stage: Stage, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All figures, by phase: idle, load, load with py-spy, single operations with the firehose."""
    works = Works(stage)
    with console.status("products"):
        name, make = works.first(options.work)
    with counters_of(load_instance(stage.instance)) as counters, console.status("") as status:
        load.run(make, options.clients, min(3, options.seconds))
        time.sleep(SETTLE_SECONDS)
        status.update(f"{COMPARED:.0f} s without load")
        idle = measure_phase(stage, counters, lambda: time.sleep(COMPARED))
        status.update(f"{options.seconds:.0f} s of {name}, {options.clients} clients")
        results: list[load.Result] = []
        busy = measure_phase(stage, counters, lambda: results.append(load.run(make, options.clients, options.seconds)))
        figures = per_operation(idle, busy, results[0]) | {"work": name, "clients": options.clients}
        figures["has_statements"] = counters.has_statements
        if not options.no_stacks:
            status.update(f"{options.seconds:.0f} s with py-spy")
            figures |= _stacks(stage, make, options)
        if not options.no_messages:
            status.update(f"{TRACED_OPERATIONS} operations with RabbitMQ's firehose")
            figures |= _messages(stage, make)
    return figures


def _stacks(stage: Stage, make: Callable[[int], load.Work], options: argparse.Namespace) -> dict[str, Any]:
    py_spy = stacks.find(options.py_spy)
    if py_spy is None:
        return {"stacks_missing": stacks.INSTALL}
    ours = [each for each in costs.processes(stage.instance) if each["kind"] == "service" and each["pid"]]
    folder = Path(tempfile.mkdtemp(prefix="bench-stacks-"))
    profiles = stacks.record(
        py_spy, {costs.process_of(each): each["pid"] for each in ours}, options.seconds, folder,
        lambda: load.run(make, options.clients, options.seconds),
    )  # fmt: skip
    return {
        "stacks_folder": str(folder),
        "stacks": {
            name: {
                "samples": each.samples,
                "own": dict(each.own.most_common(25)),
                "inclusive": dict(each.inclusive.most_common(25)),
                "functions": dict(each.functions.most_common(25)),
            }
            for name, each in profiles.items()
            if each.samples
        },
    }


def _messages(stage: Stage, make: Callable[[int], load.Work]) -> dict[str, Any]:
    work = make(0)
    work()
    time.sleep(SETTLE_SECONDS)
    with tracing(load_instance(stage.instance)) as traffic:
        for _ in range(TRACED_OPERATIONS):
            work()
        time.sleep(SETTLE_SECONDS)
    return {
        "published": {name: count / TRACED_OPERATIONS for name, count in traffic.published.most_common()},
        "delivered": {name: count / TRACED_OPERATIONS for name, count in traffic.delivered.most_common()},
    }
