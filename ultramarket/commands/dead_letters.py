"""Command group dlq: list, show and replay dead letters."""

from typing import Annotated

import typer
from rich.markup import escape

from ultramarket.commands import completion
from ultramarket.commands.context import NOT_FOUND, USAGE, AsJson, console, fail, print_json, selected_instance

dlq = typer.Typer(help="Dead-letter queues: events whose handling failed for good.", no_args_is_help=True)

EventId = Annotated[str, typer.Argument(help="As `dlq list` prints it.")]


def register(app: typer.Typer) -> None:
    dlq.command("list", epilog="Example: ultramarket dlq list")(list_letters)
    dlq.command("show", epilog="Example: ultramarket dlq show 0192f3a4-…")(show)
    dlq.command("replay", epilog="Example: ultramarket dlq replay --service notifications")(replay)
    app.add_typer(dlq, name="dlq")


def list_letters(context: typer.Context, as_json: AsJson = False) -> None:
    """List the events in the dead-letter queues."""
    from ultramarket.dead_letters import dead_letters

    letters = dead_letters(selected_instance(context))
    if as_json:
        print_json(letters)
        return
    for letter in letters:
        tries = f", {letter['attempts']} tries" if letter["attempts"] else ""
        console.print(f"{letter['id']}  {letter['type'] or 'no event'} for {letter['service']}{tries}", soft_wrap=True)
        console.print(f"    [dim]{escape(letter['error'])}[/]", soft_wrap=True)
    if not letters:
        console.print("[green]✓[/] no dead letters")


def show(context: typer.Context, event_id: EventId) -> None:
    """Show an event and the error that its handling ended with, as JSON."""
    from ultramarket.dead_letters import dead_letters

    letters = [letter for letter in dead_letters(selected_instance(context)) if letter["id"] == event_id]
    if not letters:
        fail(f"no dead letter {event_id}", NOT_FOUND)
    print_json(letters if len(letters) > 1 else letters[0])


def replay(
    context: typer.Context,
    event_id: Annotated[str | None, typer.Argument(help="One event; all of them when omitted.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Only those of this service.", autocompletion=completion.services)
    ] = None,
) -> None:
    """Put events back on the queue of the service that failed to handle them. Its inbox ignores repeated events.

    Exit code 2: there is no such service; 3: there is no such dead letter.
    """
    from ultramarket import dead_letters

    if service is not None and service not in dead_letters.consumers():
        fail(f"there is no service {service}: choose one of {', '.join(dead_letters.consumers())}", USAGE)
    count = dead_letters.replay(selected_instance(context), service, event_id)
    if event_id and not count:
        fail(f"no dead letter {event_id}", NOT_FOUND)
    console.print(f"[green]✓[/] {count} replayed")
