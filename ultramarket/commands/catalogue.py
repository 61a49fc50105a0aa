"""Commands seed and import: load products into an instance."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ultramarket import catalogue
from ultramarket.commands.context import (
    FAILED,
    USAGE,
    AsJson,
    console,
    errors,
    exit_on_api_error,
    fail,
    print_json,
    progress_bar,
    selected_instance,
)
from ultramarket.product_csv import CSV_COLUMNS

if TYPE_CHECKING:
    from ultramarket.importer import ImportResult


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket seed")(seed)
    app.command("import", epilog="Example: ultramarket import products.csv")(import_file)


def seed(context: typer.Context, as_json: AsJson = False) -> None:
    """Load the demo catalogue with stock through the public import. Repeating it changes nothing.

    Exit code 1: a row was refused.
    """
    from ultramarket.seed import PRODUCTS
    from ultramarket.seed import seed as load_catalogue

    instance = selected_instance(context)
    total = sum(1 for _ in catalogue.read(PRODUCTS))
    with exit_on_api_error(), progress_bar("loading the demo catalogue", total, hidden=as_json) as advance:
        result = load_catalogue(instance, advance)
    _print_result(result, as_json)


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".json (a list), .jsonl or .csv")],
    draw: Annotated[bool, typer.Option("--draw", help="Give each product a placeholder image.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create or update products from a file; print line and reason of each refused row.

    JSON rows have the format of POST /api/v1/products/import (see /docs), or DummyJSON's.

    Exit code 1: a row was refused (the others were imported); 2: the file cannot be parsed.
    """
    from ultramarket.api_client import administrator_client
    from ultramarket.importer import import_lines
    from ultramarket.product_images import PlaceholderImages

    instance = selected_instance(context)
    try:
        lines = list(catalogue.read(file))
    except (catalogue.Unreadable, OSError, UnicodeDecodeError) as error:
        fail(str(error), USAGE)
    with exit_on_api_error(), progress_bar(f"importing {file.name}", len(lines), hidden=as_json) as advance:
        client = administrator_client(instance)
        result = import_lines(client, PlaceholderImages(client).add_to(lines) if draw else lines, advance)
    _print_result(result, as_json)


import_file.__doc__ = (import_file.__doc__ or "") + "\n\n    " + CSV_COLUMNS.replace("\n", "\n    ")


def _print_result(result: "ImportResult", as_json: bool) -> None:
    report = result.as_json()
    if as_json:
        print_json(report)
    else:
        for refusal in report["refusals"]:
            errors.print(f"[red]line {refusal['line']}[/]: {refusal['reason']}", soft_wrap=True)
        counts = ", ".join(f"{report[name]} {name}" for name in ("created", "updated", "unchanged", "refused"))
        console.print(f"[green]✓[/] {counts}")
    if report["refused"]:
        raise typer.Exit(FAILED)
