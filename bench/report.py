"""The results, as a table for people and as JSON for comparisons."""

import json
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"

GOALS = {
    ("list 20 products", 16): "600/s → 1,500/s",
    ("product detail", 16): "700/s → 2,000/s",
    ("add to a new guest cart", 16): "250/s → 500/s",
    ("whole checkout of a guest", 16): "40/s, p95 < 600 ms → 100/s, p95 < 200 ms",
    ("search with facets", 16): "0.6 of the engine alone",
    ("suggest", 16): "800/s",
    ("track 20 events", 16): "requests; twenty times as many events",
    ("RPC echo through the chassis", 16): "900/s → 1,300/s",
}


WIDTH = 160
"""Of tables that go into a file or a pipe."""


def console() -> Console:
    """A console that is wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def show(results: dict[str, Any], console: Console) -> None:
    """Print what was measured."""
    console.print(_works(results))
    console.print(_of_floors(results["works"], "rate", "Rate as part of each floor's rate"))
    console.print(_of_floors(results["works"], "cpu", "CPU as multiple of each floor's CPU"))
    console.print("CPU ms per operation, 16 clients (idle processes included)")
    for row in results["works"]:
        if row["clients"] == 16:
            console.print(f"  {row['work']}: {row['cpu_ms']:.2f} = {_listed(row['cpu'], '.2f')}")
    idle = results["idle_cpu_ms_per_second"]
    console.print(f"idle, ms per second: {sum(idle.values()):.0f} = {_listed(idle, '.0f')}")
    if counted := results.get("analytics_rebuild"):
        rate = (
            f"{counted['events']:,} events in {counted['seconds']:.0f} s, {counted['per_second']:,}/s (goal: 4,167/s)"
        )
        console.print(f"analytics rebuild: {rate}")
        console.print(f"  figures over that year, ms: {_listed(counted['figures_over_a_year_ms'], '.0f')} (goal: 300)")
    if audited := results.get("audit"):
        console.print(
            f"audit entries: {audited['appended_per_second']:,}/s into the chain, "
            f"{audited['through_the_broker_per_second']:,}/s through the broker, "
            f"{audited['drained_per_second']:,}/s of those that had gathered (goal: 5,000/s); "
            f"verify {audited['verify_seconds_per_million']:.0f} s per million (goal: 30)"
        )
    if lag := results["event_to_kafka_ms"]:
        console.print(
            f"event committed → record in Kafka: p50 {lag['p50']:.0f} ms, p95 {lag['p95']:.0f} ms, n={lag['n']}"
        )
    ours = results["memory_ours_mb"]
    console.print(f"memory (PSS) of our processes: {ours:.0f} MB; {_listed(results['memory_mb'], '.0f')}")


def _works(results: dict[str, Any]) -> Table:
    caption = f"closed loop, the generator on the same machine; {results['rounds']} rounds of {results['seconds']:g} s"
    table = Table(title="Works", caption=caption, title_justify="left")
    columns = ("work", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "spread", "errors", "goal")
    for name in columns:
        table.add_column(name, justify="left" if name in ("work", "goal") else "right")
    for row in results["works"]:
        table.add_row(
            row["work"],
            str(row["clients"]),
            f"{row['per_second']:,.0f}" if row["per_second"] >= 100 else f"{row['per_second']:.1f}",
            *(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")),
            f"{row['cpu_ms']:.2f}",
            f"{_spread([each['per_second'] for each in row['rounds']]):.0%}",
            str(sum(row["errors"].values())) if row["errors"] else "",
            GOALS.get((row["work"], row["clients"]), ""),
        )
    return table


def _of_floors(rows: list[dict[str, Any]], figure: str, title: str) -> Table:
    floors = list(rows[0]["of_floors"]) if rows else []
    table = Table(title=title, title_justify="left")
    for name in ("work", "clients", *floors):
        table.add_column(name, justify="left" if name == "work" else "right")
    for row in rows:
        table.add_row(row["work"], str(row["clients"]), *(f"{each[figure]:.3g}" for each in row["of_floors"].values()))
    table.add_section()
    unit = "per_second" if figure == "rate" else "cpu_ms"
    for clients in sorted({row["clients"] for row in rows}):
        of_clients = [row["floors"] for row in rows if row["clients"] == clients and row["floors"]]
        medians = [statistics.median(each[floor][unit] for each in of_clients) for floor in floors]
        table.add_row(f"the floor itself, {unit}", str(clients), *(f"{value:,.4g}" for value in medians))
    return table


def _spread(figures: list[float]) -> float:
    """From the least to the largest, as part of the median."""
    return (max(figures) - min(figures)) / statistics.median(figures) if figures else float("nan")


def write(results: dict[str, Any]) -> Path:
    """Keep the results under their time."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    return path


def _listed(figures: dict[str, float], form: str) -> str:
    """The largest first."""
    ordered = sorted(figures.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {value:{form}}" for name, value in ordered)
