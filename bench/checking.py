"""`python -m bench check`, by `make bench-check`: whether an operation costs more CPU than the reference says.

Compared are milliseconds of CPU as multiple of floors measured in turn with the works, because a busy machine makes
everything take longer, but hardly cost more. What is above the limit is measured once more before it fails.
"""

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench import costs, report
from bench.comparing import LIMIT, Comparison, compare, load, show
from bench.floors.all import PYTHON, floors_of
from bench.progress import progress
from bench.rounds import Rounds
from bench.stage import Stage, bring_up
from bench.work_list import Works

REFERENCE: Final = report.RESULTS / "reference.json"
WORKS: Final = ("list 20 products", "product detail", "add to a new guest cart", "whole checkout of a guest")
FLOORS: Final = (PYTHON,)
"""Of all floors and their means, the one in whose multiples runs differ least: in five runs beside a load average of
23 to 41 on two cores, the largest was 10 to 21 % above the least, so each within 12 % of their middle.
"""
CLIENTS: Final = 16
ROUNDS: Final = 8
SECONDS: Final = 0.8
FLOOR_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 4.0
INSTANCE: Final = "bench-check"


def main(arguments: list[str]) -> int:
    """Parse the arguments and check; 1 when something is above the limit twice, on a machine as the reference's."""
    parser = argparse.ArgumentParser(prog="python -m bench check", description=__doc__)
    parser.add_argument("--instance", default=INSTANCE, help=f"the instance, made and removed (default {INSTANCE})")
    parser.add_argument("--keep", action="store_true", help="leave the instance")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="the results to compare with")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"the ratio above which it fails (default {LIMIT})")
    options = parser.parse_args(arguments)
    console = report.console()
    reference = load(options.reference)
    with stage_of(options.instance, options.keep, console) as stage:
        works = Works(stage)
        comparisons = compare(reference, measure(stage, works, WORKS, console), ("CPU",))
        slow = [each.work for each in comparisons if each.ratio > options.limit]
        if slow:
            console.print(f"above {options.limit:g}, measured once more: {', '.join(slow)}")
            again = compare(reference, measure(stage, works, tuple(slow), console), ("CPU",))
            comparisons = better(comparisons, again)
    show(comparisons, options.limit, FLOORS, console)
    if not is_comparable(reference["machine"], costs.machine()):
        console.print("The reference was measured on another kind of processor: nothing is judged by it here.")
        return 0
    return int(any(each.ratio > options.limit for each in comparisons))


def is_comparable(machine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two machines are of one kind: on another one databases and Python differ by other factors."""
    return (machine["cpu"], machine["cores"]) == (other["cpu"], other["cores"])


def better(first: list[Comparison], second: list[Comparison]) -> list[Comparison]:
    """Of the works that were measured twice, the lower ratio."""
    again = {each.work: each for each in second}
    return [min(each, again.get(each.work, each), key=lambda one: one.ratio) for each in first]


@contextmanager
def stage_of(instance: str, keep: bool, console: Console) -> Iterator[Stage]:
    """An instance that is started, and removed in the end unless it is to be kept."""
    with console.status(f"instance {instance} comes up"):
        stage = bring_up(instance, "--no-seed")
    try:
        yield stage
    finally:
        if not keep:
            stage.ultramarket("down", "--wipe")


def measure(stage: Stage, works: Works, names: tuple[str, ...], console: Console) -> dict[str, Any]:
    """Results in the form of `bench run`, with fewer figures."""
    with console.status("products"):
        chosen = {name: works.runner(name) for name in names}
    with floors_of(stage.instance, FLOORS) as floors:
        measuring = Rounds(costs.processes(stage.instance), floors, SECONDS, FLOOR_SECONDS)
        measuring.measure_idle(IDLE_SECONDS)
        with progress(console, len(chosen) * (1 + ROUNDS)) as advance:
            rows = measuring.measure(chosen, (CLIENTS,), ROUNDS, advance)
    return {"machine": costs.machine(), "idle_cpu_ms_per_second": measuring.idle_cpu, "works": rows}
