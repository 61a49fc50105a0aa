"""shell, mail, dlq, demo, doctor: what one reaches for while working."""

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from ultramarket import mail as mails
from ultramarket.commands.context import FAILED, NOT_THERE, chosen, console, fail, print_json
from ultramarket.commands.data import refusals_end_the_command
from ultramarket.instance import ROOT
from ultramarket.keys import write_private

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

dlq = typer.Typer(help="Events that could not be handled: see them, and give them another try.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket shell, then: n.rpc.inventory.get_level(sku='…')")(shell)
    app.command(epilog="Example: ultramarket mail last")(mail)
    app.command(epilog="Example: ultramarket demo")(demo)
    app.command(epilog="Example: ultramarket doctor --json")(doctor)
    dlq.command("list", epilog="Example: ultramarket dlq list")(dlq_list)
    dlq.command("show", epilog="Example: ultramarket dlq show 0192f3a4-…")(dlq_show)
    dlq.command("replay", epilog="Example: ultramarket dlq replay --service notifications")(dlq_replay)
    app.add_typer(dlq, name="dlq")


def shell(context: typer.Context) -> None:
    """Open `nameko shell` on the instance: `n.rpc.SERVICE.METHOD(…)` calls any service."""
    instance = chosen(context)
    config = instance.folder / "nameko.yaml"
    write_private(config, f"AMQP_URI: '{instance.url('rabbitmq')}'\n")
    nameko = os.path.join(os.path.dirname(sys.executable), "nameko")  # noqa: PTH118, PTH120 - resolves no links
    os.chdir(ROOT)
    os.execv(nameko, [nameko, "shell", "--config", str(config)])


def mail(
    context: typer.Context,
    mail_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Its id, the beginning of it, or `last`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the mails that the instance sent, or show one. Exit code 3: there is no such mail."""
    instance = chosen(context)
    if mail_id is None:
        found = mails.summaries(instance)
        if as_json:
            print_json(found)
            return
        table = Table(Column("id", no_wrap=True), "to", "subject", box=None)  # the id begins with the time
        for one in found:
            table.add_row(one["id"], one["to"], one["subject"])
        console.print(table if found else "[dim]no mail yet[/]")
        return
    one_mail = mails.find(instance, mail_id)
    if one_mail is None:
        fail(f"no mail {mail_id}", NOT_THERE)
    if as_json:
        print_json(one_mail)
        return
    for name in ("at", "from", "to", "subject"):
        console.print(f"[dim]{name:>8}[/] {one_mail[name]}", markup=True, soft_wrap=True)
    typer.echo("\n" + (one_mail["text"] or one_mail["html"] or ""))


def demo(context: typer.Context) -> None:
    """Be a customer for a minute: search, order, review; then see the mail, the figures, the audit trail, Kafka.

    An administrator changes a price in between, and takes it back. Exit code 1: a step didn't go as it should.
    """
    from ultramarket.demo import Journey, WentWrong

    with refusals_end_the_command():
        try:
            Journey(chosen(context), console).run()
        except WentWrong as wrong:
            fail(str(wrong))


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Find out what is wrong with this machine or instance, and what to do about it.

    Exit code 0: nothing; 1: something, see the advice.
    """
    from ultramarket.doctor import examine

    findings = examine(context.obj)
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            sign = "[green]✓[/]" if finding["ok"] else "[bold red]✗[/]"
            console.print(f"{sign} {finding['check']:<14}", finding["message"], soft_wrap=True, markup=True)
            if finding["advice"]:
                console.print(f"  [yellow]→[/] {finding['advice']}", soft_wrap=True)
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(FAILED)


def dlq_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the events in the dead-letter queues."""
    from ultramarket.deadletters import dead_letters

    found = dead_letters(chosen(context))
    if as_json:
        print_json(found)
        return
    for letter in found:
        tries = f", {letter['attempts']} tries" if letter["attempts"] else ""
        console.print(f"{letter['id']}  {letter['type'] or 'no event'} for {letter['service']}{tries}", soft_wrap=True)
        console.print(f"    [dim]{escape(letter['error'])}[/]", soft_wrap=True)
    if not found:
        console.print("[green]✓[/] no dead letters")


def dlq_show(context: typer.Context, event_id: Annotated[str, typer.Argument(help="As `dlq list` names it.")]) -> None:
    """Show one event with the reason why it could not be handled, as JSON."""
    from ultramarket.deadletters import dead_letters

    found = [letter for letter in dead_letters(chosen(context)) if letter["id"] == event_id]
    if not found:
        fail(f"no dead letter {event_id}", NOT_THERE)
    print_json(found if len(found) > 1 else found[0])


def dlq_replay(
    context: typer.Context,
    event_id: Annotated[str | None, typer.Argument(help="One event; all of them without.")] = None,
    service: Annotated[str | None, typer.Option(help="Only those of this service.")] = None,
) -> None:
    """Put events back on the queue of the service that they were for. Its inbox makes a repetition harmless."""
    from ultramarket.deadletters import replay

    count = replay(chosen(context), service, event_id)
    if event_id and not count:
        fail(f"no dead letter {event_id}", NOT_THERE)
    console.print(f"[green]✓[/] {count} put back")
