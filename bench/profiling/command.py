"""`python -m bench profile`: drive one work, and print where its CPU goes and what it makes the servers do."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console

from bench import costs, load
from bench.profiling import stacks, tables
from bench.profiling.counters import Counters, counters_of, difference
from bench.profiling.firehose import tracing
from bench.stage import Stage, bring_up
from bench.work_list import Works
from ultramarket.instance import load as load_instance

SETTLE_SECONDS: Final = 1.5
"""After a load: consumers catch up, and PostgreSQL's processes report their counts (once a second)."""
TRACED_OPERATIONS: Final = 20
"""Operations of one client while every message is copied to us."""
WIDTH: Final = 160
"""Of the tables in a file or a pipe."""
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
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    with console.status(f"instance {options.instance} comes up"):
        stage = bring_up(options.instance)
    if options.load_statements:
        load_statements(stage)
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
        idle = _phase(stage, counters, lambda: time.sleep(COMPARED))
        status.update(f"{options.seconds:.0f} s of {name}, {options.clients} clients")
        results: list[load.Result] = []
        busy = _phase(stage, counters, lambda: results.append(load.run(make, options.clients, options.seconds)))
        figures = _per_operation(idle, busy, results[0]) | {"work": name, "clients": options.clients}
        figures["has_statements"] = counters.has_statements
        if not options.no_stacks:
            status.update(f"{options.seconds:.0f} s with py-spy")
            figures |= _stacks(stage, make, options)
        if not options.no_messages:
            status.update(f"{TRACED_OPERATIONS} operations with RabbitMQ's firehose")
            figures |= _messages(stage, make)
    return figures


def _phase(stage: Stage, counters: Counters, act: Callable[[], None]) -> dict[str, Any]:
    """CPU seconds and context switches by process, and counts by server, while something is done."""
    listed = costs.processes(stage.instance)
    begin, counts = time.monotonic(), counters.read()
    cpu, switches = costs.cpu_seconds(listed), _switches(listed)
    act()
    spent = {name: value - cpu.get(name, 0.0) for name, value in costs.cpu_seconds(listed).items()}
    switched = {name: value - switches.get(name, 0) for name, value in _switches(listed).items()}
    busy_seconds = time.monotonic() - begin
    time.sleep(SETTLE_SECONDS)
    return {
        "cpu": spent, "switches": switched, "seconds": busy_seconds, "before": counts, "after": counters.read(),
        "count_seconds": time.monotonic() - begin,
    }  # fmt: skip


def _switches(listed: list[dict[str, Any]]) -> dict[str, int]:
    """Voluntary context switches: how often the threads of a process have waited."""
    switches: dict[str, int] = {}
    for each in listed:
        if not each["pid"]:
            continue
        root = psutil.Process(each["pid"])
        tree = [root, *root.children(recursive=True)]
        tasks = [path for process in tree for path in Path(f"/proc/{process.pid}/task").glob("*/status")]
        switches[costs.process_of(each)] = sum(_voluntary(path) for path in tasks)
    return switches


def _voluntary(path: Path) -> int:
    try:
        text = path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # the thread has ended
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def _per_operation(idle: dict[str, Any], busy: dict[str, Any], result: load.Result) -> dict[str, Any]:
    operations = len(result.times)
    if not operations:
        raise SystemExit(f"no operation succeeded: {result.errors}")
    share = busy["seconds"] / idle["seconds"]
    cpu = {
        name: {
            "ms": 1000 * seconds / operations,
            "idle_ms": 1000 * share * idle["cpu"].get(name, 0.0) / operations,
            "switches": busy["switches"].get(name, 0) / operations,
        }
        for name, seconds in busy["cpu"].items()
    }
    idle_counts = difference(idle["before"], idle["after"])
    count_share = busy["count_seconds"] / idle["count_seconds"]
    counts = {
        server: {
            name: (number - count_share * idle_counts[server].get(name, 0)) / operations
            for name, number in rows.items()
        }
        for server, rows in difference(busy["before"], busy["after"]).items()
    }
    return {
        "per_second": result.per_second,
        "p50_ms": result.percentile(50),
        "p95_ms": result.percentile(95),
        "operations": operations,
        "errors": result.errors,
        "cpu": cpu,
        "counts": counts,
    }


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


def load_statements(stage: Stage) -> None:
    """Load pg_stat_statements, which PostgreSQL can do at its start only."""
    import psycopg2

    url = load_instance(stage.instance).url("postgres")

    def execute(*statements: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    if "pg_stat_statements" not in execute("show shared_preload_libraries")[0][0]:
        execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
        stage.ultramarket("restart", "postgres")
    execute("create extension if not exists pg_stat_statements", "select pg_stat_statements_reset()")
