"""The figures of a profile as tables."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

SMALLEST: Final = 0.02
"""Counts per operation, and milliseconds, below this are not printed."""
STATEMENT_WIDTH: Final = 110
PACKAGES, FUNCTIONS = 12, 10


def show(figures: dict[str, Any], console: Console) -> None:
    """Print all that was measured."""
    console.print(
        f"{figures['work']}, {figures['clients']} clients: {figures['per_second']:.1f}/s,"
        f" p50 {figures['p50_ms']:.1f} ms, p95 {figures['p95_ms']:.1f} ms, {figures['operations']} operations"
        + (f", errors {figures['errors']}" if figures["errors"] else "")
    )
    console.print(_cpu(figures["cpu"]))
    for server, rows in figures["counts"].items():
        if any(abs(count) >= SMALLEST for count in rows.values()):
            console.print(_counts(f"{server}, per operation", rows))
    if not figures["has_statements"]:
        console.print("PostgreSQL by statement: only with pg_stat_statements; --load-statements loads it")
    for title in ("published", "delivered"):
        if title in figures:
            total = sum(figures[title].values())
            console.print(_counts(f"Messages {title}, per operation: {total:.1f} in all", figures[title]))
    if "stacks_missing" in figures:
        console.print(figures["stacks_missing"])
    for name, profile in figures.get("stacks", {}).items():
        console.print(_stacks(name, profile, figures["cpu"].get(name, {}).get("ms", 0.0)))
    if "stacks_folder" in figures:
        console.print(f"stacks, in the form that flame graphs are made from: {figures['stacks_folder']}")


def _cpu(rows: dict[str, dict[str, float]]) -> Table:
    table = Table(title="CPU per operation", title_justify="left")
    for title in ("process", "ms", "of it idle", "without", "%", "waits"):
        table.add_column(title, justify="left" if title == "process" else "right")
    total = sum(each["ms"] for each in rows.values())
    for name, each in sorted(rows.items(), key=lambda item: -item[1]["ms"]):
        if each["ms"] >= SMALLEST:
            cells = (
                each["ms"],
                each["idle_ms"],
                each["ms"] - each["idle_ms"],
                100 * each["ms"] / total,
                each["switches"],
            )
            table.add_row(name, *(f"{value:.2f}" for value in cells))
    idle = sum(each["idle_ms"] for each in rows.values())
    switches = sum(each["switches"] for each in rows.values())
    table.add_section()
    table.add_row("all", f"{total:.2f}", f"{idle:.2f}", f"{total - idle:.2f}", "", f"{switches:.0f}")
    return table


def _counts(title: str, rows: dict[str, float]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for name, count in sorted(rows.items(), key=lambda item: -item[1]):
        if abs(count) >= SMALLEST:
            table.add_row(f"{count:.2f}", name[:STATEMENT_WIDTH])
    return table


def _stacks(name: str, profile: dict[str, Any], milliseconds: float) -> Table:
    """Shares of the samples; milliseconds are that share of the CPU per operation without py-spy."""
    table = Table(
        title=f"{name}: {profile['samples']} samples, {milliseconds:.2f} ms per operation", title_justify="left"
    )
    for title in ("package", "own %", "own ms", "anywhere %", "function", "own % "):
        table.add_column(title, justify="left" if title in ("package", "function") else "right")
    samples = profile["samples"]
    packages, functions = list(profile["own"].items())[:PACKAGES], list(profile["functions"].items())[:FUNCTIONS]
    for index in range(max(len(packages), len(functions))):
        left, right = ["", "", "", ""], ["", ""]
        if index < len(packages):
            package, count = packages[index]
            anywhere = profile["inclusive"].get(package, count)
            shares = (100 * count / samples, milliseconds * count / samples, 100 * anywhere / samples)
            left = [package, *(f"{value:.1f}" for value in shares[:1]), f"{shares[1]:.2f}", f"{shares[2]:.0f}"]
        if index < len(functions):
            right = [functions[index][0], f"{100 * functions[index][1] / samples:.1f}"]
        table.add_row(*left, *right)
    return table
