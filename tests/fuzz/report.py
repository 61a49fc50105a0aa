"""Progress while a run lasts, and the tables at its end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.fuzz.tally import Tally, successes

BANDS: Final = ((100, 400), (400, 500), (500, 600))
LINE_SECONDS: Final = 15.0
"""Time between two lines of progress where the output is not a terminal."""


@contextmanager
def progress(console: Console, seconds: float) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, else a line now and then."""
    start = time.monotonic()
    if not console.is_terminal:
        last = start

        def line(text: str) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                console.print(f"{last - start:5.0f} s  {text}", markup=False)

        yield line
        return
    columns = (BarColumn(20), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=seconds or None)
        yield lambda text: bar.update(task, description=text, completed=time.monotonic() - start)


def show(tally: Tally, console: Console) -> None:
    """Print the calls by route and by role, the failures by kind, and the share of successes."""
    console.print(_table("route", tally.statuses))
    console.print(_table("role", tally.by_role))
    for number, failure in tally.groups():
        console.print(f"{number} × {failure}\n", markup=False)
    share = tally.successes / max(tally.calls, 1)
    kinds = len(list(tally.groups()))
    console.print(f"{tally.calls} calls, {share:.0%} succeeded, {len(tally.failures)} failures of {kinds} kinds")


def _table(first: str, rows: Mapping[str, Counter[int]]) -> Table:
    table = Table(first, "calls", "2xx, 3xx", "4xx", "5xx", "succeeded", "statuses")
    for name, counter in sorted(rows.items()):
        groups = [sum(count for status, count in counter.items() if low <= status < high) for low, high in BANDS]
        statuses = " ".join(f"{status}×{count}" for status, count in sorted(counter.items()))
        share = f"{successes(counter) / max(counter.total(), 1):.0%}"
        table.add_row(name, str(counter.total()), *map(str, groups), share, statuses)
    return table
