"""The results, as a table for people and as JSON for comparisons."""

import json
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
    ("RPC echo through the chassis", 16): "900/s → 1,300/s",
}


def show(results: dict[str, Any], console: Console) -> None:
    """Print what was measured."""
    table = Table(
        title="Work", caption="closed loop, generator on the same machine; CPU in seconds per 1,000 operations"
    )
    for name in ("work", "clients", "per second", "p50 ms", "p95 ms", "p99 ms", "errors", "goal", "CPU"):
        table.add_column(name, justify="left" if name in ("work", "goal", "CPU") else "right")
    for row in results["works"]:
        cpu = ", ".join(f"{name} {value:.2f}" for name, value in sorted(row["cpu"].items(), key=lambda item: -item[1]))
        table.add_row(
            row["work"],
            str(row["clients"]),
            f"{row['per_second']:,.0f}" if row["per_second"] >= 100 else f"{row['per_second']:.1f}",
            *(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms", "p99_ms")),
            str(sum(row["errors"].values())) if row["errors"] else "",
            GOALS.get((row["work"], row["clients"]), ""),
            cpu,
        )
    console.print(table)
    lag = results["event_to_kafka_ms"]
    console.print(
        f"event committed → record in Kafka: p50 {lag['p50']:.0f} ms, p95 {lag['p95']:.0f} ms ({lag['n']} events)"
    )
    ours = results["memory_ours_mb"]
    console.print(f"memory of our processes (PSS): {ours:.0f} MB; {_memory(results['memory_mb'])}")


def write(results: dict[str, Any]) -> Path:
    """Keep the results under their time."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    return path


def _memory(by_process: dict[str, float]) -> str:
    return ", ".join(f"{name} {mb:.0f}" for name, mb in sorted(by_process.items(), key=lambda item: -item[1]))
