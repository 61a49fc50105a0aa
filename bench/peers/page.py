"""The table of both shops, in `bench/peers/README.md`, and the figures in `bench/results/peers/`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.report import RESULTS

README: Final = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table: written by python -m bench.peers -->", "<!-- end of table -->"


def version() -> str:
    """The version of Vendure in the lock file."""
    lock = json.loads((README.parent / "vendure" / "package-lock.json").read_text())
    return str(lock["packages"]["node_modules/@vendure/core"]["version"])


def table(results: dict[str, Any]) -> list[str]:
    """Markdown: each work of both, and how many times more and cheaper ours is."""
    rows = {(row["work"], row["shop"]): row for row in results["works"]}
    machine = results["machine"]
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine['cores']} cores of {machine['cpu']}, load average before"
        f" {machine['load_before']:.1f}, generator on the same cores; {results['works'][0]['clients']} clients,"
        f" medians of {results['rounds']} rounds of {results['seconds']:g} s in turn; Vendure {results['vendure']}.",
        "",
        "| work | UltraMarket /s | Vendure /s | times as many | p95 ms | p95 ms, Vendure | CPU ms | CPU ms, Vendure |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for work in dict.fromkeys(row["work"] for row in results["works"]):
        ours, theirs = rows[work, "UltraMarket"], rows[work, "Vendure"]
        lines.append(
            f"| {work} | {ours['per_second']:,.1f} | {theirs['per_second']:,.1f} |"
            f" **{ours['per_second'] / theirs['per_second']:.1f}** | {ours['p95_ms']:.0f} | {theirs['p95_ms']:.0f} |"
            f" {ours['cpu_ms']:.1f} | {theirs['cpu_ms']:.1f} |"
        )
    for row in results["works"]:
        if row["errors"]:
            lines.append(f"\nErrors of {row['shop']}, {row['work']}: {row['errors']}")
    return lines


def write(results: dict[str, Any], lines: list[str]) -> Path:
    """Write both; the path of the figures."""
    folder = RESULTS / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vendure.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")
    return path
