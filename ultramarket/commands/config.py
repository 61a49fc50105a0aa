"""Command group config: runtime settings, feature flags, and validation of the whole configuration."""

from typing import Annotated, Any, Final

import orjson
import typer
from rich.markup import escape
from rich.table import Column, Table

from ultramarket.commands import completion
from ultramarket.commands.context import FAILED, USAGE, AsJson, console, fail, print_json, selected_instance
from ultramarket.commands.rpc import OPERATOR, call
from ultramarket.commands.tools import print_findings

EDITABLE_FLAG_FIELDS: Final = ("variants", "default", "rules", "rollout")

config = typer.Typer(help="Runtime settings, feature flags, and validation.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    config.command("list", epilog="Example: ultramarket config list")(list_all)
    config.command(
        "set", epilog="Example: ultramarket config set inventory.low_stock_threshold 10 --reason 'Christmas'"
    )(set_value)
    config.command("flag", epilog="Example: ultramarket config flag reviews off")(set_flag)
    config.command("validate", epilog="Example: ultramarket config validate --json")(validate)
    app.add_typer(config, name="config")


def list_all(context: typer.Context, as_json: AsJson = False) -> None:
    """List every runtime setting and feature flag with its value."""
    from ultramarket.runtime_settings import environment_value

    settings, flags = (
        call(context, "config", "settings", caller=OPERATOR),
        call(context, "config", "flags", caller=OPERATOR),
    )
    if as_json:
        print_json({"settings": settings, "flags": flags})
        return
    environment = selected_instance(context).environment()
    table = Table(Column("setting", no_wrap=True), "value", "description", box=None)
    for setting in settings:
        value = str(setting["value"])
        if setting["value"] is None:
            value = f"{environment_value(setting['key'], environment)} [dim](environment)[/]"
        table.add_row(setting["key"], value, escape(setting["description"]))
    for flag in flags:
        state = "off" if not flag["enabled"] else "on" if flag["rollout"] is None else f"{flag['rollout']} %"
        table.add_row(f"flag {flag['name']}", state, escape(flag["description"] or ""))
    console.print(table)


def set_value(
    context: typer.Context,
    key: Annotated[str, typer.Argument(autocompletion=completion.settings)],
    value: str,
    reason: Annotated[str, typer.Option(help="Recorded in the setting's history.")],
) -> None:
    """Change a runtime setting; every process applies it within a second. Exit code 1: refused."""
    settings = {setting["key"]: setting for setting in call(context, "config", "settings", caller=OPERATOR)}
    if key not in settings:
        fail(f"there is no setting {key}: `ultramarket config list` shows all", USAGE)
    version = settings[key]["version"]
    change = {"key": key, "value": _parsed(value), "version": version, "reason": reason}
    saved = call(context, "config", "set_setting", **change, caller=OPERATOR)
    console.print(f"[green]✓[/] {key} is {saved['value']} (version {saved['version']})")


def _parsed(text: str) -> Any:
    """A number or boolean where the text is one in JSON, else the text itself."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def set_flag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(autocompletion=completion.flags)],
    state: Annotated[str, typer.Argument(metavar="on|off", help="on or off", autocompletion=lambda: ["on", "off"])],
) -> None:
    """Enable or disable a feature flag; its rules and rollout stay. Exit code 1: refused."""
    if state not in ("on", "off"):
        fail("the state must be on or off", USAGE)
    current = call(context, "config", "flag", name=name, caller=OPERATOR)
    flag = {field: current[field] for field in EDITABLE_FLAG_FIELDS} | {"enabled": state == "on"}
    call(context, "config", "set_flag", name=name, flag=flag, expected_version=current["version"], caller=OPERATOR)
    console.print(f"[green]✓[/] {name} is {state}")


def validate(context: typer.Context, as_json: AsJson = False) -> None:
    """Validate the settings of every process, the servers, secrets and clocks. Exit code 1: a problem was found.

    ULTRAMARKET_… variables of this shell are validated as well: the next `up` would apply them.
    """
    from ultramarket.config_check import check

    with console.status("validating"):
        findings = check(selected_instance(context))
    if as_json:
        print_json(findings)
    else:
        print_findings(findings)
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(FAILED)
