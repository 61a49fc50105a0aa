"""Command verify: do the books of all services agree?"""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ultramarket.commands.context import FAILED, AsJson, console, print_json, selected_instance

if TYPE_CHECKING:
    from ultramarket.verify.results import CheckResult

SHOWN_BREACHES = 20


def register(app: typer.Typer) -> None:
    app.command("verify", epilog="Example: ultramarket verify --json > verdict.json")(verify)


def verify(
    context: typer.Context,
    every_breach: Annotated[bool, typer.Option("--all", help=f"List more than {SHOWN_BREACHES} breaches.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare stock, orders, payments, provider, ledger, shipments, events and lists with each other.

    Reads the stores of all services and changes nothing. Safe while orders come in: what is wrong only for a few
    seconds was in flight and is not reported. Exit code 1: something is wrong.
    """
    from ultramarket.verify.results import CheckResult
    from ultramarket.verify.runner import is_right
    from ultramarket.verify.runner import verify as run

    instance = selected_instance(context)
    started = time.monotonic()

    def report(result: CheckResult) -> None:
        mark = "[red]✗[/]" if result.breaches else "[green]✓[/]"
        note = f"  [dim]{escape(result.note)}[/]" if result.note else ""
        console.print(f"{mark} {result.name:<24}{result.examined:>10,} examined {len(result.breaches):>7,} wrong{note}")

    results = run(instance, (lambda result: None) if as_json else report)
    right, seconds = is_right(results), round(time.monotonic() - started, 1)
    if as_json:
        checks = [result.to_json() for result in results]
        print_json({"right": right, "seconds": seconds, "checks": checks})
    else:
        _print_breaches(results, None if every_breach else SHOWN_BREACHES)
        verdict = "[green]✓[/] the books are right" if right else "[red]✗[/] the books are wrong"
        console.print(f"{verdict} [dim]({seconds} s)[/]")
    if not right:
        raise typer.Exit(FAILED)


def _print_breaches(results: "list[CheckResult]", limit: int | None) -> None:
    table = Table("check", "id", "what is wrong")
    breaches = [(result.name, breach) for result in results for breach in result.breaches]
    for name, breach in breaches[:limit]:
        table.add_row(name, breach.id, escape(breach.message))
    if breaches:
        console.print(table)
    if limit is not None and len(breaches) > limit:
        console.print(f"… and {len(breaches) - limit:,} more: `ultramarket verify --all`")
