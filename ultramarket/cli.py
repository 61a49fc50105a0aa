"""The command `ultramarket`: its groups and global options."""

import warnings
from typing import Annotated

import typer

from ultramarket.commands import (
    analytics,
    audit,
    catalogue,
    chaos,
    completion,
    config,
    dead_letters,
    generate,
    keys,
    logs,
    mail,
    orders,
    permissions,
    processes,
    rebuild,
    status,
    tools,
    up,
    users,
    verify,
)
from ultramarket.commands.context import select_instance

app = typer.Typer(
    name="ultramarket",
    help="Run UltraMarket on this machine: real servers, our services, and tools to operate them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"ultramarket {version('ultramarket')}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    instance: Annotated[
        str,
        typer.Option(
            "--instance",
            "-i",
            envvar="ULTRAMARKET_INSTANCE",
            help="Name of the instance; each has its own folder, ports and data.",
            autocompletion=completion.instances,
        ),
    ] = "dev",
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")  # Nameko requires it
    select_instance(context, instance)


COMMANDS = (
    *(up, processes, status, logs, catalogue, rebuild, users, mail, dead_letters, orders, verify, chaos),
    *(audit, config, permissions, analytics, keys, tools, generate),
)
for commands in COMMANDS:
    commands.register(app)

if __name__ == "__main__":
    app()
