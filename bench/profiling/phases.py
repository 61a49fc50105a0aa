"""CPU, context switches and counts of the servers while something is done, and what of it is an operation's."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

from bench import costs, load
from bench.profiling.counters import Counters, difference
from bench.stage import Stage

SETTLE_SECONDS: Final = 1.5
"""After a load: consumers catch up, and PostgreSQL's processes report their counts (once a second)."""


def measure_phase(stage: Stage, counters: Counters, act: Callable[[], None]) -> dict[str, Any]:
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


def per_operation(idle: dict[str, Any], busy: dict[str, Any], result: load.Result) -> dict[str, Any]:
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
