"""Command logs: show and follow the log files of an instance."""

import sys
from contextlib import suppress
from typing import Annotated, Final

import typer
from rich.text import Text

from ultramarket.commands import completion
from ultramarket.commands.context import NOT_FOUND, USAGE, console, fail, selected_instance
from ultramarket.logs import LEVELS, Filter, Follower, LogLine, last_lines
from ultramarket.programs import processes_of

STYLES: Final = {"debug": "dim", "info": "green", "warning": "yellow", "error": "red", "critical": "bold red"}
COLUMN_FIELDS: Final = ("timestamp", "level", "process", "service", "event", "exception")


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket logs orders --level warning -f")(logs)


def logs(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="A process or service; all when omitted.", autocompletion=completion.processes),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continue until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
    level: Annotated[
        str | None,
        typer.Option(
            help=f"At least this level: {', '.join(LEVELS)}.",
            autocompletion=lambda incomplete: [level for level in LEVELS if level.startswith(incomplete)],
        ),
    ] = None,
    request: Annotated[str | None, typer.Option(help="Only lines of this request id, in all processes.")] = None,
) -> None:
    """Show the last log lines of a process or service, or of all.

    Formatted on a terminal; piped, the lines are printed as they were written (JSON of our services).
    """
    instance = selected_instance(context)
    if level is not None and level.lower() not in LEVELS:
        fail(f"there is no level {level}: choose one of {', '.join(LEVELS)}", USAGE)
    processes = processes_of(instance, name) if name else ()
    files = [instance.logs / f"{process}.log" for process in processes] or sorted(instance.logs.glob("*.log"))
    missing = [file.stem for file in files if not file.exists()]
    if missing or not files:
        fail(f"no log of {', '.join(missing) or 'anything'} in {instance.logs}", NOT_FOUND)
    accepted = Filter(name if name not in processes else None, level.lower() if level else None, request)
    follower = Follower(files) if follow else None
    for line in last_lines(files, accepted, lines):
        _print(line)
    if follower is not None:
        with suppress(KeyboardInterrupt):
            for line in follower.lines():
                if accepted.accepts(line):
                    _print(line)


def _print(line: LogLine) -> None:
    if not sys.stdout.isatty():
        typer.echo(line.text)
    elif line.fields is None:
        console.print(Text(f"{'':<12} {'':<8}{line.process:<14}{line.text}", style="dim"), soft_wrap=True)
    else:
        console.print(formatted(line), soft_wrap=True)


def formatted(line: LogLine) -> Text:
    """Time, level, service, event and the remaining fields as `name=value`; a traceback below."""
    fields = line.fields or {}
    level = str(fields.get("level", "info"))
    text = Text()
    text.append(f"{line.timestamp[11:23]:<12} ", "dim")
    text.append(f"{level:<8}", STYLES.get(level, ""))
    text.append(f"{fields.get('service') or line.process:<14}", "cyan")
    text.append(str(fields.get("event", "")), "bold")
    for name, value in fields.items():
        if name not in COLUMN_FIELDS:
            text.append(f" {name}=", "dim")
            text.append(str(value))
    if "exception" in fields:
        text.append(f"\n{fields['exception']}", "red")
    return text
