"""`python -m bench compare A B`: what got slower or faster from one file of results to another, as ratio to floors."""

import argparse
import json
import statistics
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import report
from bench.fitting import factors, fit_of

LIMIT: Final = 1.3
MEASURES: Final = ("time", "CPU")


@dataclass(frozen=True)
class Comparison:
    """One work with one number of clients, by time or by CPU."""

    work: str
    clients: int
    measure: str
    before: float
    """The median of the rounds, as multiple of the floors."""
    after: float
    noise: float
    """The larger of the two spreads: from the least to the largest round, as part of the median."""

    @property
    def ratio(self) -> float:
        """Above 1: it got slower."""
        return self.after / self.before


def main(arguments: list[str]) -> int:
    """Parse the arguments and compare; 1 when something is slower than the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench compare", description=__doc__)
    parser.add_argument("before", type=Path, metavar="A", help="results: a file, or a name in bench/results/")
    parser.add_argument("after", type=Path, metavar="B", help="the later results")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help=f"exit with 1 when a ratio is above this (default {LIMIT})"
    )
    parser.add_argument(
        "--measure", choices=("both", *MEASURES), default="both", help="compare time, CPU, or both (default)"
    )
    options = parser.parse_args(arguments)
    console = report.console()
    try:
        before, after = load(options.before), load(options.after)
    except (OSError, ValueError) as error:
        console.print(f"[red]{error}")
        return 2
    measures = MEASURES if options.measure == "both" else (options.measure,)
    comparisons = compare(before, after, measures)
    if not comparisons:
        console.print("[red]the two files have no work in common")
        return 2
    measured = before["works"][0]["rounds"][0]["floors"]
    show(comparisons, options.limit, measured, console)
    return int(any(each.ratio > options.limit for each in comparisons))


def load(path: Path) -> dict[str, Any]:
    """The results of a file. Raises `ValueError` when its rows have no rounds with floors, as those before had not."""
    file = path if path.exists() else report.RESULTS / path
    results: dict[str, Any] = json.loads(file.read_text())
    if not all(row.get("rounds") and row["rounds"][0].get("floors") for row in results["works"]):
        raise ValueError(f"{file.name} has no floors beside its works: measure again")
    return results


def compare(before: dict[str, Any], after: dict[str, Any], measures: tuple[str, ...]) -> list[Comparison]:
    """The works that are in both, in the order of the first."""
    later = {(row["work"], row["clients"]): row for row in after["works"]}
    return [
        _compare(row, later[row["work"], row["clients"]], measure)
        for row in before["works"]
        if (row["work"], row["clients"]) in later
        for measure in measures
    ]


def _compare(before: dict[str, Any], after: dict[str, Any], measure: str) -> Comparison:
    old, new = factors(before, measure), factors(after, measure)
    return Comparison(
        before["work"], before["clients"], measure, statistics.median(old), statistics.median(new),
        max(spread(old), spread(new)),
    )  # fmt: skip


def spread(values: list[float]) -> float:
    """From the least to the largest, as part of the median."""
    return (max(values) - min(values)) / statistics.median(values)


def show(comparisons: list[Comparison], limit: float, measured: Collection[str], console: Console) -> None:
    """Print the comparisons and the floors that they are by, of those that were measured."""
    table = Table(title="Cost as multiple of the floors", title_justify="left")
    for name in ("work", "clients", "measure", "before", "after", "after / before", "noise", ""):
        table.add_column(name, justify="left" if name in ("work", "measure", "") else "right")
    for each in comparisons:
        table.add_row(
            each.work, str(each.clients), each.measure, f"{each.before:.3g}", f"{each.after:.3g}",
            f"{each.ratio:.2f}", f"{each.noise:.0%}", verdict(each, limit),
        )  # fmt: skip
    console.print(table)
    for work in dict.fromkeys(each.work for each in comparisons):
        fit = fit_of(work)
        floors = [name for name in fit.floors if name in measured]
        console.print(f"  {work}: by {' and '.join(floors)} ({fit.why})")


def verdict(comparison: Comparison, limit: float) -> str:
    """Slower or faster where it is more than the rounds differ among themselves."""
    if comparison.ratio > limit:
        return f"[red]slower than the limit, {limit:g}"
    if abs(comparison.ratio - 1) <= comparison.noise / 2:
        return "within the noise"
    return "slower" if comparison.ratio > 1 else "[green]faster"
