"""What all commands share: the chosen instance, the console, and one way to end with an error."""

import json
from typing import Any, NoReturn

import typer
from rich.console import Console

from ultramarket.instance import Instance, NoSuchInstance, load, valid_name

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

FAILED = 1
USAGE = 2
NOT_THERE = 3
"""Exit codes: something failed; wrong arguments; the instance (or the thing asked for) isn't there."""


def choose_instance(context: typer.Context, name: str) -> None:
    if not valid_name(name):
        raise typer.BadParameter("small letters, digits and dashes, at most 31", param_hint="--instance")
    context.obj = name


def chosen(context: typer.Context) -> Instance:
    """The instance that was made before; ends the command if there is none."""
    try:
        return load(context.obj)
    except NoSuchInstance as missing:
        fail(str(missing), NOT_THERE)


def fail(message: str, code: int = FAILED) -> NoReturn:
    errors.print(f"[bold red]✗[/] {_plain(message)}", soft_wrap=True)
    raise typer.Exit(code)


def print_json(data: Any) -> None:
    """For programs: no colours, no wrapping."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
