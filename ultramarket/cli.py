"""The command `ultramarket`. This module only puts the commands together; what they do is in the modules they name."""

from typing import Annotated

import typer

from ultramarket.commands import analytics, audit, config, data, look, search, stack, tools
from ultramarket.commands.context import choose_instance

app = typer.Typer(
    name="ultramarket",
    help="Run UltraMarket on this machine: real servers, our services, and what one does with them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main(
    context: typer.Context,
    instance: Annotated[
        str,
        typer.Option(
            "--instance", "-i", envvar="ULTRAMARKET_INSTANCE", help="Which instance: its own folder, ports and data."
        ),
    ] = "dev",
) -> None:
    choose_instance(context, instance)


for group in (stack, look, data, audit, config, search, analytics, tools):
    group.register(app)

if __name__ == "__main__":
    app()
