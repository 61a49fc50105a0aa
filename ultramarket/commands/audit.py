"""audit: look at the trail, and see whether anybody has changed it."""

from typing import Annotated, Any

import typer
from rich.table import Column, Table

from ultramarket.commands.context import FAILED, chosen, console, print_json
from ultramarket.commands.data import refusals_end_the_command

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

audit = typer.Typer(help="Who did what, when and from where: look, and verify.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    audit.command("list", epilog="Example: ultramarket audit list --action product.update")(list_entries)
    audit.command("verify", epilog="Example: ultramarket audit verify --json")(verify)
    app.add_typer(audit, name="audit")


def list_entries(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="A user's id.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as product.update.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    as_json: AsJson = False,
) -> None:
    """The newest entries of the audit trail."""
    asked = {"actor": actor, "action": action, "limit": limit}
    page = _ask(context, "entries", **{name: value for name, value in asked.items() if value is not None})
    if as_json:
        print_json(page["items"])
        return
    table = Table("#", Column("at", no_wrap=True), "who", "did", "to", "changed", box=None)
    for entry in reversed(page["items"]):
        who, thing = entry["actor"], entry["resource"]
        changed = ", ".join(change["field"] for change in entry["changes"])
        name = who.get("email") or who["id"] or who["kind"]
        table.add_row(
            str(entry["seq"]), entry["at"][:19], name, entry["action"], f"{thing['type']} {thing['id']}", changed
        )
    console.print(table if page["items"] else "[dim]nothing yet[/]")


def verify(context: typer.Context, as_json: AsJson = False) -> None:
    """Recompute the whole chain of the audit trail. Exit code 1: somebody has tampered with it."""
    with console.status("following the chain"):
        verdict = _ask(context, "verify")
    if as_json:
        print_json(verdict)
    elif verdict["valid"]:
        console.print(f"[green]✓[/] {verdict['entries']} entries, and the chain holds")
    else:
        console.print(f"[red]✗[/] broken at entry {verdict['first_broken']}: {verdict['reason']}")
    if not verdict["valid"]:
        raise typer.Exit(FAILED)


def _ask(context: typer.Context, method: str, **arguments: Any) -> Any:
    from services.chassis.messaging.rpc_client import RpcClient

    with refusals_end_the_command():
        client = RpcClient(chosen(context).url("rabbitmq"), publishers=1)
        try:
            return client.call("audit", method, deadline=60, **arguments)
        finally:
            client.close()
