"""seed, import, user, rebuild, schemas: put things into an instance."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ultramarket import catalogue
from ultramarket.commands.context import FAILED, USAGE, chosen, console, errors, fail, print_json
from ultramarket.instance import ROOT, Instance

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

users = typer.Typer(help="Accounts, made without the public registration.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket seed")(seed)
    app.command("import", epilog="Example: ultramarket import products.csv")(import_file)
    app.command(epilog="Example: ultramarket rebuild orders")(rebuild)
    app.command(epilog="Example: ultramarket schemas && git diff schemas/json")(schemas)
    app.command(epilog="Example: ultramarket services")(services)
    users.command("create", epilog="Example: ultramarket user create eve@example.com --role ADMIN")(create_user)
    app.add_typer(users, name="user")


def seed(context: typer.Context, as_json: AsJson = False) -> None:
    """Load the demo catalogue, with stock, through the public import. Again: changes nothing.

    Exit code 1: a row was refused.
    """
    from ultramarket.seed import PRODUCTS
    from ultramarket.seed import seed as load_catalogue

    instance = chosen(context)
    total = sum(1 for _ in catalogue.read(PRODUCTS))
    with refusals_end_the_command(), bar("loading the demo catalogue", total, hidden=as_json) as advance:
        outcome = load_catalogue(instance, advance)
    _report(outcome.as_json(), as_json)


def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help=".json (a list), .jsonl or .csv")],
    draw: Annotated[bool, typer.Option("--draw", help="Give each product a drawn picture.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create or update products from a file; each refused row is named with its line and the reason.

    JSON rows are those of POST /api/v1/products/import (see /docs), or DummyJSON's.

    Exit code 1: a row was refused (the others were taken); 2: the file can't be read.
    """
    from ultramarket.api import as_administrator
    from ultramarket.illustrating import Illustrator
    from ultramarket.importer import import_lines

    instance = chosen(context)
    try:
        lines = list(catalogue.read(file))
    except (catalogue.Unreadable, OSError, UnicodeDecodeError) as unreadable:
        fail(str(unreadable), USAGE)
    with refusals_end_the_command(), bar(f"importing {file.name}", len(lines), hidden=as_json) as advance:
        api = as_administrator(instance)
        outcome = import_lines(api, Illustrator(api).illustrated(lines) if draw else lines, advance)
    _report(outcome.as_json(), as_json)


import_file.__doc__ = (import_file.__doc__ or "") + "\n\n    " + catalogue.CSV_COLUMNS.replace("\n", "\n    ")


@contextmanager
def bar(text: str, total: int, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.advance(task, done)


@contextmanager
def refusals_end_the_command() -> Iterator[None]:
    """An API or RPC that says no, or isn't there, ends the command with its words."""
    from services.chassis.common.errors import DomainError
    from ultramarket.api import Refused

    try:
        yield
    except Refused as refused:
        fail(str(refused) + (": is the instance up? `ultramarket status`" if refused.status == 0 else ""))
    except DomainError as error:
        fail(f"{error.code}: {error.message}")


def _report(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(outcome)
    else:
        for refusal in outcome["refusals"]:
            errors.print(f"[red]line {refusal['line']}[/]: {refusal['reason']}", soft_wrap=True)
        counts = ", ".join(f"{outcome[name]} {name}" for name in ("created", "updated", "unchanged", "refused"))
        console.print(f"[green]✓[/] {counts}")
    if outcome["refused"]:
        raise typer.Exit(FAILED)


def create_user(
    context: typer.Context,
    email: str,
    role: Annotated[list[str], typer.Option("--role", help="CUSTOMER, VENDOR or ADMIN; may be given again.")],
    password: Annotated[str | None, typer.Option(help="Made up and printed when left out.")] = None,
    first_name: Annotated[str, typer.Option()] = "New",
    last_name: Annotated[str, typer.Option()] = "User",
    as_json: AsJson = False,
) -> None:
    """Make an account with roles that nobody can register with. Exit code 1: refused, e.g. it exists."""
    from ultramarket import accounts

    instance = chosen(context)
    secret = password or secrets.token_urlsafe(12)
    roles = [name.upper() for name in role]
    with refusals_end_the_command():
        user = accounts.create(
            instance.url("rabbitmq"),
            email=email,
            password=secret,
            roles=roles,
            first_name=first_name,
            last_name=last_name,
        )
    if as_json:
        print_json({"user": user, "password": secret})
    else:
        made_up = "" if password else f", password [bold]{secret}[/]"
        console.print(f"[green]✓[/] {email} with {', '.join(roles)}{made_up}")


def rebuild(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(help="orders: their MongoDB read model, from the events; reviews: the products' ratings.")
    ],
    as_json: AsJson = False,
) -> None:
    """Build again what follows from something else; the old serves until then."""
    if what not in REBUILT:
        fail(f"{what!r} has nothing that could be rebuilt: {' and '.join(REBUILT)} have", USAGE)
    method, things = REBUILT[what]
    with refusals_end_the_command(), console.status(f"rebuilding {what}") as status:
        tell = lambda n: status.update(f"rebuilding: {n} {things}")  # noqa: E731
        done = _rebuild(chosen(context), what, method, tell)
    if as_json:
        print_json({"rebuilt": done.pop("done"), **done})
    else:
        mended = f", {done['mended']} of them were wrong" if "mended" in done else ""
        console.print(f"[green]✓[/] {done['done']} {things} rebuilt{mended}")


REBUILT: Final = {"orders": ("rebuild_read_model", "orders"), "reviews": ("rebuild_ratings", "ratings")}
"""What can be rebuilt: the service's method that does a part and says where to go on, and what it counts."""


def _rebuild(instance: Instance, service: str, method: str, tell: Callable[[int], None]) -> dict[str, int]:
    from services.chassis.messaging.rpc_client import RpcClient

    client = RpcClient(instance.url("rabbitmq"), publishers=1)
    counts: dict[str, int] = {}
    cursor = None
    try:
        while True:
            reply = client.call(service, method, deadline=60, cursor=cursor)
            cursor = reply.pop("next")
            for name, count in reply.items():
                counts[name] = counts.get(name, 0) + count
            tell(counts["done"])
            if cursor is None:
                return counts
    finally:
        client.close()


def schemas() -> None:
    """Write the JSON Schemas of the events, requests and replies to schemas/json/.

    Exit code 1: a published event would change so that its readers break; nothing is written then.
    """
    from schemas.tools.export import BreakingChange, write

    try:
        written = write()
    except BreakingChange as change:
        fail(str(change))
    for file in written:
        console.print(f"[green]✓[/] {file.relative_to(ROOT)}")
    if not written:
        console.print("[green]✓[/] all of schemas/json is current")


def services() -> None:
    """Write docs/services.md and its pictures from the code: who owns, says, hears and calls what."""
    from ultramarket.servicemap import write

    for file in (written := write()):
        console.print(f"[green]✓[/] {file.relative_to(ROOT)}")
    if not written:
        console.print("[green]✓[/] docs/services.md and its pictures are current")
