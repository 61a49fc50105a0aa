"""analytics rebuild: count all events again."""

import os
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ultramarket.commands.context import chosen, console, fail, print_json

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

analytics = typer.Typer(help="The figures of the shop.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    analytics.command(epilog="Example: ultramarket analytics rebuild")(rebuild)
    app.add_typer(analytics, name="analytics")


@analytics.callback()
def group() -> None:
    """So that `rebuild` is a command of a group, though it is the only one."""


def rebuild(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the topics no longer hold the oldest records.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count all events again, from the topics' first records, and put the new figures in place of the old at once.

    The old ones serve until then. Exit code 1: a server isn't there, or the topics don't reach back far enough.
    """
    from confluent_kafka import KafkaException
    from pymongo.errors import PyMongoError

    from services.analytics.book.counting import Superseded
    from services.analytics.consumer.rebuild import Incomplete
    from services.analytics.consumer.rebuild import rebuild as count_again
    from services.analytics.settings import AnalyticsSettings
    from services.chassis.runtime.settings import load

    os.environ.update(chosen(context).environment())
    columns = (TextColumn("counting again"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=as_json, transient=True) as progress:
        task = progress.add_task("", total=None)
        try:
            done = count_again(
                load(AnalyticsSettings),
                lambda done, total: progress.update(task, completed=done, total=total),
                force=force,
            )
        except Incomplete as incomplete:
            fail(f"{incomplete}; figures of that time would be gone. `--force` does it all the same")
        except Superseded:
            fail("another rebuild was begun meanwhile")
        except (KafkaException, PyMongoError) as away:
            fail(f"{away}: is the instance up? `ultramarket status`")
    if as_json:
        print_json({"counted": done})
    else:
        console.print(f"[green]✓[/] {done} records counted again")
