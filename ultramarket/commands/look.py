"""env, status, logs, doctor: look at an instance without changing it."""

import os
import shlex
import subprocess
from typing import Annotated

import typer
from rich.table import Table

from ultramarket.commands.context import FAILED, NOT_THERE, chosen, console, fail, print_json
from ultramarket.status import status as status_of

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: eval "$(ultramarket env)"')(env)
    app.command(epilog="Example: ultramarket status --json")(status)
    app.command(epilog="Example: ultramarket logs orders -f")(logs)


def env(
    context: typer.Context,
    as_json: AsJson = False,
    everything: Annotated[
        bool, typer.Option("--all", help="What our processes get too, the secret key included.")
    ] = False,
) -> None:
    """Print the instance's URLs and first credentials as shell exports, for clients of your own."""
    instance = chosen(context)
    variables = instance.environment() if everything else instance.printed()
    if as_json:
        print_json(variables)
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show each server and service: state, pid, ports, memory, health.

    Exit code 0: all of it runs and is healthy; 1: something doesn't; 3: there is no such instance.
    """
    found = status_of(chosen(context))
    if as_json:
        print_json(found)
    else:
        table = Table("process", "state", "pid", "ports", "up", "restarts", "PSS", "health", box=None)
        for process in found["processes"]:
            colour = {"running": "green", "starting": "yellow", "failed": "red"}.get(process["state"], "dim")
            table.add_row(
                process["name"],
                f"[{colour}]{process['state']}[/]",
                str(process["pid"] or ""),
                " ".join(map(str, process["ports"])),
                _duration(process["uptime_s"]),
                str(process["restarts"] or ""),
                f"{process['pss_mb']:.0f} MB" if process["pss_mb"] else "",
                process["health"] or "",
            )
        console.print(table)
        ours = sum(p["pss_mb"] or 0 for p in found["processes"] if p["kind"] == "service")
        console.print(f"[dim]{found['instance']}: our services take {ours:.0f} MB (PSS)[/]")
    if any(process["state"] != "running" or process["health"] == "failing" for process in found["processes"]):
        raise typer.Exit(FAILED)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}" if minutes >= 60 else f"{minutes}m{rest:02}" if minutes else f"{rest}s"


def logs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A process as `status` names it; all of them without.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the end of a process's log, or of all logs."""
    folder = chosen(context).logs
    files = [folder / f"{name}.log"] if name else sorted(folder.glob("*.log"))
    absent = [file.stem for file in files if not file.exists()]
    if absent or not files:
        fail(f"no log of {', '.join(absent) or 'anything'} in {folder}", NOT_THERE)
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)]
    if follow:
        os.execvp("tail", command)
    subprocess.run(command, check=False)
