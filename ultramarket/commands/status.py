"""Commands env and status."""

import shlex
from typing import Annotated, Any, Final

import typer
from rich.table import Column, Table

from ultramarket.commands.context import FAILED, AsJson, console, print_json, selected_instance
from ultramarket.status import status as read_status

COLOURS: Final = {"running": "green", "starting": "yellow", "failed": "red"}


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: eval "$(ultramarket env)"')(env)
    app.command(epilog="Example: ultramarket status --json")(status)


def env(
    context: typer.Context,
    as_json: AsJson = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every variable of our processes, the secret key included.")
    ] = False,
) -> None:
    """Print the URLs and first credentials of the instance as shell exports."""
    instance = selected_instance(context)
    variables = instance.environment() if everything else instance.printed()
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show each server and service: state, process, pid, ports, memory, health.

    Exit code 0: everything runs and is healthy; 1: something does not; 3: there is no such instance.
    """
    report = read_status(selected_instance(context))
    if as_json:
        print_json(report)
    else:
        _print_table(report)
    if any(row["state"] != "running" or row["health"] == "failing" for row in report["processes"]):
        raise typer.Exit(FAILED)


def _print_table(report: dict[str, Any]) -> None:
    columns = (Column("name", no_wrap=True), "state", "process", "pid", "ports", "up", "restarts", "PSS", "health")
    table = Table(*columns, box=None)
    for row in report["processes"]:
        table.add_row(
            row["name"],
            f"[{COLOURS.get(row['state'], 'dim')}]{row['state']}[/]",
            row["process"],
            str(row["pid"] or ""),
            " ".join(map(str, row["ports"])),
            _duration(row["uptime_s"]),
            str(row["restarts"] or ""),
            f"{row['pss_mb']:.0f} MB" if row["pss_mb"] else "",
            row["health"] or "",
        )
    console.print(table)
    for group in report["groups"]:
        lag = "unknown" if group["hub_lag_s"] is None else f"{group['hub_lag_s'] * 1000:.0f} ms"
        memory = f"{group['pss_mb']:.0f} MB" if group["pss_mb"] else "no memory"
        console.print(
            f"[dim]process {group['name']}: {len(group['services'])} services, {memory} (shared in equal parts above), "
            f"{group['restarts']} restarts, longest event loop delay of the last minute {lag}[/]",
            soft_wrap=True,
        )
    total = sum(row["pss_mb"] or 0 for row in report["processes"] if row["kind"] == "service")
    console.print(f"[dim]{report['instance']}: our services use {total:.0f} MB (PSS)[/]")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}" if minutes >= 60 else f"{minutes}m{rest:02}" if minutes else f"{rest}s"
