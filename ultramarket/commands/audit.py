"""Command group audit: list the audit trail and verify its hash chain."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from ultramarket.commands.context import FAILED, AsJson, console, print_json
from ultramarket.commands.rpc import OPERATOR, call

DEADLINE_SECONDS = 60

audit = typer.Typer(help="Audit trail: who did what, when and from where.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    audit.command("list", epilog="Example: ultramarket audit list --action product.update")(list_entries)
    audit.command("verify", epilog="Example: ultramarket audit verify --json")(verify)
    app.add_typer(audit, name="audit")


def list_entries(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="A user's id or mail address.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as product.update.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest entries of the audit trail."""
    query = {"actor": actor, "action": action, "limit": limit}
    query = {name: value for name, value in query.items() if value is not None}
    page = call(context, "audit", "entries", deadline=DEADLINE_SECONDS, query=query, caller=OPERATOR)
    if as_json:
        print_json(page["items"])
        return
    table = Table("#", Column("time", no_wrap=True), "actor", "action", "resource", "changed fields", box=None)
    for entry in reversed(page["items"]):
        user, resource = entry["actor"], entry["resource"]
        cells = (
            str(entry["seq"]),
            entry["at"][:19],
            user.get("email") or user["id"] or user["kind"],
            entry["action"],
            f"{resource['type']} {resource['id']}",
            ", ".join(change["field"] for change in entry["changes"]),
        )
        table.add_row(*map(escape, cells))
    console.print(table if page["items"] else "[dim]no entries[/]")


def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Recompute the hash chain of the audit trail. Exit code 1: the trail was tampered with."""
    with console.status("verifying the chain"):
        verdict = call(context, "audit", "verify", deadline=DEADLINE_SECONDS, caller=OPERATOR)
    if as_json:
        print_json(verdict)
    elif verdict["valid"]:
        console.print(f"[green]✓[/] {verdict['entries']} entries, the chain is intact")
    else:
        console.print(f"[red]✗[/] broken at entry {verdict['first_broken']}: {verdict['reason']}")
    if not verdict["valid"]:
        raise typer.Exit(FAILED)
