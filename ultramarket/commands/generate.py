"""Commands schemas and services: write the files that are generated from the code."""

import typer

from ultramarket.commands.context import console, fail
from ultramarket.instance import ROOT


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket schemas && git diff schemas/json")(schemas)
    app.command(epilog="Example: ultramarket services")(services)


def schemas() -> None:
    """Write the JSON Schemas of events, requests and replies to schemas/json/.

    Exit code 1: a published event would change incompatibly; then nothing is written.
    """
    from schemas.tools.export import BreakingChange, write

    try:
        written = write()
    except BreakingChange as change:
        fail(str(change))
    for file in written:
        console.print(f"[green]✓[/] {file.relative_to(ROOT)}")
    if not written:
        console.print("[green]✓[/] schemas/json is current")


def services() -> None:
    """Write docs/services.md from the code: purpose, storage, events and calls of each service."""
    from ultramarket.service_docs import PAGE, write

    written = write()
    state = "written" if written else "is current"
    console.print(f"[green]✓[/] {PAGE.relative_to(ROOT)} {state}")
