"""Command group analytics: sales, funnel and top products as tables; rebuild of the aggregates."""

import os
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from ultramarket.commands.context import (
    AsJson,
    console,
    exit_on_api_error,
    fail,
    print_json,
    selected_instance,
)
from ultramarket.money import format_money

BLOCKS: Final = "▁▂▃▄▅▆▇█"
BAR_WIDTH: Final = 30

Days = Annotated[int, typer.Option(min=1, max=365, help="How many days back.")]

analytics = typer.Typer(help="Sales, funnel and top products.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    analytics.command(epilog="Example: ultramarket analytics sales --days 7")(sales)
    analytics.command(epilog="Example: ultramarket analytics funnel")(funnel)
    analytics.command(epilog="Example: ultramarket analytics top --by units")(top)
    analytics.command(epilog="Example: ultramarket analytics rebuild")(rebuild)
    app.add_typer(analytics, name="analytics")


def sales(context: typer.Context, days: Days = 30, as_json: AsJson = False) -> None:
    """Show orders, units and revenue by day, with a sparkline and the change against the period before."""
    figures = _get(context, "/analytics/sales", days)
    if as_json:
        print_json(figures)
        return
    table = Table(
        Column("day", no_wrap=True), *(_right(name) for name in ("orders", "units", "gross", "net")), box=None
    )
    for point in figures["series"]:
        table.add_row(point["start"][:10], *_totals(point))
    table.add_section()
    table.add_row("total", *_totals(figures["totals"]))
    table.add_row("period before", *_totals(figures["previous"]))
    console.print(table)
    for label, values in (
        ("orders", [point["orders"] for point in figures["series"]]),
        ("net", [point["net"]["amount"] for point in figures["series"]]),
    ):
        console.print(f"{label:<7} {sparkline(values)}")


def funnel(context: typer.Context, days: Days = 30, as_json: AsJson = False) -> None:
    """Show how many sessions reached each step from the visit to the order."""
    figures = _get(context, "/analytics/funnel", days)
    if as_json:
        print_json(figures)
        return
    steps = figures["steps"]
    first = max(steps[0]["sessions"], 1) if steps else 1
    table = Table("step", _right("sessions"), _right("of first"), "", box=None)
    for step in steps:
        share = step["sessions"] / first
        table.add_row(step["name"], str(step["sessions"]), f"{share:.0%}", "█" * round(share * BAR_WIDTH))
    console.print(table)


def top(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="net, units, orders or views.")] = "net",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100)] = 10,
    days: Days = 30,
    as_json: AsJson = False,
) -> None:
    """Show the best-selling products."""
    products = _get(context, "/analytics/top-products", days, f"&by={by}&limit={limit}")
    if as_json:
        print_json(products)
        return
    columns = (_right(name) for name in ("views", "orders", "units", "net", "conversion"))
    table = Table("product", *columns, "", box=None)
    values = [product["net"]["amount"] if by == "net" else product[by] for product in products]
    for product, value in zip(products, values, strict=True):
        conversion = "" if product["conversion"] is None else f"{product['conversion']:.0%}"
        counts = (str(product[name]) for name in ("views", "orders", "units"))
        bar = "█" * round(value / max(*values, 1) * BAR_WIDTH)
        table.add_row(escape(product["title"]), *counts, format_money(product["net"]), conversion, bar)
    console.print(table if products else "[dim]no sales[/]")


def sparkline(values: Sequence[float]) -> str:
    """One block character per value, between zero and the largest."""
    largest = max(values, default=0)
    if largest <= 0:
        return BLOCKS[0] * len(values)
    return "".join(BLOCKS[round(max(value, 0) / largest * (len(BLOCKS) - 1))] for value in values)


def _totals(totals: dict[str, Any]) -> tuple[str, ...]:
    return str(totals["orders"]), str(totals["units"]), format_money(totals["gross"]), format_money(totals["net"])


def _right(name: str) -> Column:
    return Column(name, justify="right", no_wrap=True)


def _get(context: typer.Context, path: str, days: int, query: str = "") -> Any:
    from datetime import UTC, datetime, timedelta

    from ultramarket.api_client import administrator_client

    start = (datetime.now(UTC) - timedelta(days=days - 1)).date()
    with exit_on_api_error():
        return administrator_client(selected_instance(context)).get(f"{path}?from={start}{query}")


def rebuild(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the topics no longer hold the oldest records.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recount all events from the topics' first records, then replace the aggregates at once.

    The old aggregates are served meanwhile. Exit code 1: a server is unavailable, or the topics are incomplete.
    """
    from confluent_kafka import KafkaException
    from pymongo.errors import PyMongoError

    from services.analytics.consumer.rebuild import Incomplete
    from services.analytics.consumer.rebuild import rebuild as recount
    from services.analytics.settings import AnalyticsSettings
    from services.analytics.store.batches import Superseded
    from services.chassis.runtime.settings import load

    os.environ.update(selected_instance(context).environment())
    columns = (TextColumn("recounting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=as_json, transient=True) as progress:
        task = progress.add_task("", total=None)
        try:
            records = recount(
                load(AnalyticsSettings),
                lambda counted, total: progress.update(task, completed=counted, total=total),
                force=force,
            )
        except Incomplete as incomplete:
            fail(f"{incomplete}; figures of that time would be lost. `--force` recounts anyway")
        except Superseded:
            fail("another rebuild was started meanwhile")
        except (KafkaException, PyMongoError) as error:
            fail(f"{error}: is the instance up? `ultramarket status`")
    if as_json:
        print_json({"counted": records})
    else:
        console.print(f"[green]✓[/] {records} records counted")
