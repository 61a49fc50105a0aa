"""config: what may be changed while everything runs, and whether the whole configuration is right."""

from typing import Annotated, Any

import orjson
import typer
from rich.table import Column, Table

from ultramarket.commands.context import FAILED, USAGE, chosen, console, fail, print_json
from ultramarket.commands.data import refusals_end_the_command

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
OPERATOR = {"user_id": "operator", "roles": ["ADMIN"]}

config = typer.Typer(help="Runtime settings and feature flags; and whether all of it is right.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    config.command("list", epilog="Example: ultramarket config list")(list_all)
    config.command(
        "set", epilog="Example: ultramarket config set inventory.low_stock_threshold 10 --reason 'Christmas'"
    )(set_value)
    config.command("flag", epilog="Example: ultramarket config flag reviews off")(flag)
    config.command("validate", epilog="Example: ultramarket config validate --json")(validate)
    app.add_typer(config, name="config")


def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """Every runtime setting and feature flag with its value."""
    settings, flags = _ask(context, "settings"), _ask(context, "flags")
    if as_json:
        print_json({"settings": settings, "flags": flags})
        return
    table = Table(Column("setting", no_wrap=True), "value", "meaning", box=None)
    for one in settings:
        table.add_row(
            one["key"], "from the environment" if one["value"] is None else str(one["value"]), one["description"]
        )
    for one in flags:
        state = "off" if not one["enabled"] else "on" if one["rollout"] is None else f"{one['rollout']} %"
        table.add_row(f"flag {one['name']}", state, one["description"] or "")
    console.print(table)


def set_value(
    context: typer.Context,
    key: str,
    value: str,
    reason: Annotated[str, typer.Option(help="Kept in the setting's history.")],
) -> None:
    """Change a runtime setting; every process has it within a second. Exit code 1: refused."""
    known = {one["key"]: one for one in _ask(context, "settings")}
    if key not in known:
        fail(f"there is no setting {key}: `ultramarket config list` has them", USAGE)
    try:
        wanted = orjson.loads(value)
    except orjson.JSONDecodeError:
        wanted = value
    version = known[key]["version"]
    saved = _ask(context, "set_setting", key=key, value=wanted, version=version, reason=reason, caller=OPERATOR)
    console.print(f"[green]✓[/] {key} is {saved['value']} (version {saved['version']})")


def flag(
    context: typer.Context, name: str, state: Annotated[str, typer.Argument(metavar="on|off", help="on or off")]
) -> None:
    """Switch a flag on or off; its rules and its rollout stay. Exit code 1: refused."""
    if state not in ("on", "off"):
        fail("say on or off", USAGE)
    now = _ask(context, "flag", name=name)
    fields = ("variants", "default", "rules", "rollout")
    wanted = {field: now[field] for field in fields} | {"enabled": state == "on"}
    version = now["version"]
    _ask(context, "set_flag", name=name, flag=wanted, expected_version=version, caller=OPERATOR)
    console.print(f"[green]✓[/] {name} is {state}")


def validate(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the settings of every process, the servers, secrets and clocks. Exit code 1: something is wrong."""
    from ultramarket.configcheck import check

    with console.status("looking"):
        findings = check(chosen(context))
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding["ok"] else "[red]✗[/]"
            advice = f"\n    [dim]{finding['advice']}[/]" if finding["advice"] else ""
            console.print(f"{mark} {finding['check']}: {finding['message']}{advice}", soft_wrap=True)
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(FAILED)


def _ask(context: typer.Context, method: str, **arguments: Any) -> Any:
    from services.chassis.messaging.rpc_client import RpcClient

    with refusals_end_the_command():
        client = RpcClient(chosen(context).url("rabbitmq"), publishers=1)
        try:
            return client.call("config", method, **arguments)
        finally:
            client.close()
