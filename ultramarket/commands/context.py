"""Shared parts of all commands: the selected instance, the console, exit codes and error handling."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ultramarket.instance import Instance, NoSuchInstance, load, valid_name

PIPED_WIDTH: Final = 1000
"""Columns when the output is no terminal: wide enough that no table cell is cut or wrapped."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
"""Exit codes: a failure; wrong arguments; the instance (or the requested item) does not exist."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def select_instance(context: typer.Context, name: str) -> None:
    if not valid_name(name):
        raise typer.BadParameter("small letters, digits and dashes, at most 31", param_hint="--instance")
    context.obj = name


def selected_instance(context: typer.Context) -> Instance:
    """The existing instance that `--instance` names; ends the command if there is none."""
    try:
        return load(context.obj)
    except NoSuchInstance as missing:
        fail(str(missing), NOT_FOUND)


def fail(message: str, code: int = FAILED) -> NoReturn:
    """Print the error and end the command."""
    errors.print(f"[bold red]✗[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(code)


def print_json(data: Any) -> None:
    """Print JSON without colours or wrapping."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def print_done(name: str, note: str) -> None:
    """One line for a finished step."""
    console.print(f"[green]✓[/] {name:<20}[dim]{note}[/]")


@contextmanager
def progress_bar(text: str, total: int, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """A progress bar; yields the function that advances it."""
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


@contextmanager
def exit_on_api_error() -> Iterator[None]:
    """End the command with the message of an `ApiError` or `DomainError`."""
    from services.chassis.common.errors import DomainError
    from ultramarket.api_client import ApiError

    try:
        yield
    except ApiError as error:
        fail(str(error) + (": is the instance up? `ultramarket status`" if error.status == 0 else ""))
    except DomainError as error:
        fail(f"{error.code}: {error.message}")
