"""Commands schemas and services: write the files that are generated from the code."""

import subprocess
import sys
from typing import Annotated

import typer
from rich.markup import escape

from ultramarket.commands.context import console, fail
from ultramarket.instance import ROOT


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket schemas && git diff schemas/json")(schemas)
    app.command(epilog="Example: ultramarket services")(services)
    new = typer.Typer(help="Create a service from templates, or remove it again.", no_args_is_help=True)
    new.command("service", epilog="Example: ultramarket new service wishes")(new_service)
    app.add_typer(new, name="new")


def schemas() -> None:
    """Write the JSON Schemas of events, requests and replies to schemas/json/, and publish the GraphQL schema.

    Exit code 1: a published event or the GraphQL schema would change incompatibly; then nothing is written.
    """
    from schemas.tools import graphql_contract
    from schemas.tools.export import BreakingChange, write

    try:
        written = write() + graphql_contract.publish()
    except BreakingChange as change:
        fail(str(change))
    for file in written:
        console.print(f"[green]✓[/] {file.relative_to(ROOT)}")
    if not written:
        console.print("[green]✓[/] schemas/json is current, schemas/graphql too")


def services() -> None:
    """Write docs/services.md from the code: purpose, storage, events and calls of each service."""
    from ultramarket.service_docs import PAGE, write

    written = write()
    state = "written" if written else "is current"
    console.print(f"[green]✓[/] {PAGE.relative_to(ROOT)} {state}")


def new_service(
    name: Annotated[str, typer.Argument(help="One word in lower case, such as wishes.", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Delete the service's files and entries again.")] = False,
) -> None:
    """Create a working service with a route, an RPC method, an event, a migration and tests, and register it.

    It keeps notes of signed-in persons: replace that by what yours is for. Run `ultramarket up` afterwards.
    """
    from ultramarket import new_service as generator

    left: list[str] = []
    try:
        if remove:
            removal = generator.remove(name)
            files, left = removal.files, removal.left
        else:
            files = generator.create(name)
    except (generator.InvalidName, LookupError) as problem:
        fail(str(problem))
    for file in dict.fromkeys(files):
        console.print(f"[green]{'-' if remove else '+'}[/] {file.relative_to(ROOT)}")
    for command in ("schemas", "services"):  # in processes of their own: this one has imported the old registry
        subprocess.run([sys.executable, "-m", "ultramarket.cli", command], check=True)
    for entry in left:
        console.print(f"[yellow]·[/] changed since, to be removed by hand: {escape(entry)}", soft_wrap=True)
    if remove:
        console.print("Next: `git status` shows what you had added yourself; then ultramarket up")
    else:
        console.print(f"Next: ultramarket up && ultramarket restart gateway; then pytest tests/unit/{name}")
