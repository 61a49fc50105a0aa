"""Commands shell, demo and doctor."""

import typer
from rich.markup import escape

from ultramarket.commands.context import (
    FAILED,
    AsJson,
    console,
    exit_on_api_error,
    fail,
    print_json,
    selected_instance,
)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket shell, then: n.rpc.inventory.get_level(sku='…')")(shell)
    app.command(epilog="Example: ultramarket demo")(demo)
    app.command(epilog="Example: ultramarket doctor --json")(doctor)


def shell(context: typer.Context) -> None:
    """Open a Python shell on the instance: `n.rpc.SERVICE.METHOD(…)` calls a service.

    `help(n.rpc.SERVICE)` lists its methods with their signatures.
    """
    from ultramarket.rpc_shell import run

    run(selected_instance(context))


def demo(context: typer.Context) -> None:
    """Show a customer's journey: search, order, review; then the mail, the figures, the audit trail and Kafka.

    An administrator changes a price meanwhile, and restores it. Exit code 1: a step failed.
    """
    from ultramarket.demo import DemoFailed, Journey

    with exit_on_api_error():
        try:
            Journey(selected_instance(context), console).run()
        except DemoFailed as failure:
            fail(str(failure))


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check this machine and the instance, and print what to do about each problem.

    Exit code 0: no problem; 1: at least one, with advice.
    """
    from ultramarket.doctor import examine

    findings = examine(context.obj)
    if as_json:
        print_json(findings)
    else:
        print_findings(findings)
    if not all(finding["ok"] for finding in findings):
        raise typer.Exit(FAILED)


def print_findings(findings: list[dict]) -> None:  # type: ignore[type-arg]
    """One line for each check, and its advice."""
    for finding in findings:
        sign = "[green]✓[/]" if finding["ok"] else "[bold red]✗[/]"
        console.print(f"{sign} {finding['check']:<14}", escape(finding["message"]), soft_wrap=True)
        if finding["advice"]:
            console.print(f"  [yellow]→[/] {escape(finding['advice'])}", soft_wrap=True)
