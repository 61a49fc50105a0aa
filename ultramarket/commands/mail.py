"""Command mail: list and show the mails that an instance sent."""

from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Column, Table

from ultramarket.commands.context import NOT_FOUND, AsJson, console, fail, print_json, selected_instance

DEFAULT_LIMIT: Final = 20


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket mail --to clara@example.com")(mail)


def mail(
    context: typer.Context,
    mail_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Its id, the beginning of it, or `last`.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="Only mails to this address, or part of one.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="How many, newest first.", show_default="20; JSON: all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the mails that the instance sent, newest first, or show one. Exit code 3: there is no such mail."""
    from ultramarket import mail as mails

    instance = selected_instance(context)
    if mail_id is not None:
        _show(mails.find(instance, mail_id, to), mail_id, as_json)
        return
    summaries = mails.summaries(instance, to, limit or (None if as_json else DEFAULT_LIMIT))
    if as_json:
        print_json(summaries)
        return
    table = Table(Column("id", no_wrap=True), Column("at", no_wrap=True), "to", "subject", box=None)
    for summary in summaries:
        table.add_row(summary["id"], summary["at"], escape(summary["to"]), escape(summary["subject"]))
    console.print(table if summaries else "[dim]no mail[/]")


def _show(message: dict[str, str] | None, mail_id: str, as_json: bool) -> None:
    if message is None:
        fail(f"no mail {mail_id}", NOT_FOUND)
    if as_json:
        print_json(message)
        return
    for name in ("at", "from", "to", "subject"):
        console.print(f"[dim]{name:>8}[/] {escape(message[name])}", soft_wrap=True)
    typer.echo("\n" + (message["text"] or message["html"] or ""))
