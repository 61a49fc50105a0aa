"""up, down, start, stop, restart: the life of an instance."""

import os
import time
from typing import Annotated, Any

import typer
from rich.status import Status
from rich.table import Table

from ultramarket import install
from ultramarket import instance as instances
from ultramarket.commands.context import FAILED, NOT_THERE, chosen, console, fail
from ultramarket.commands.data import refusals_end_the_command
from ultramarket.down import down as end_instance
from ultramarket.down import wipe as wipe_instance
from ultramarket.instance import ADMIN_EMAIL, Instance, NoSuchInstance, locked
from ultramarket.ports import PortTaken
from ultramarket.programs import SERVICE_NAMES, needs
from ultramarket.servers import local
from ultramarket.supervision import Supervisor
from ultramarket.up import CannotStart, Progress, migrate
from ultramarket.up import up as raise_instance

Names = Annotated[list[str], typer.Argument(help="Servers or services, as `ultramarket status` names them.")]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket --instance demo up")(up)
    app.command(epilog="Example: ultramarket --instance test down --wipe")(down)
    app.command(epilog="Example: ultramarket start kafka bridge")(start)
    app.command(epilog="Example: ultramarket stop kafka")(stop)
    app.command(epilog="Example: ultramarket restart orders payments")(restart)


def up(
    context: typer.Context,
    only_servers: Annotated[bool, typer.Option("--only-servers", help="No migrations, no services.")] = False,
    seed: Annotated[bool, typer.Option(help="Load the demo catalogue the first time.")] = True,
    coverage: Annotated[bool, typer.Option("--coverage", help="Measure coverage inside the services.")] = False,
) -> None:
    """Start everything that doesn't run yet; the first time, install, make and fill it.

    Run again, it changes nothing. Exit code 1: something didn't start, and its log's end is shown.
    """
    begun = time.monotonic()
    environment = dict(os.environ)
    if coverage:
        environment["ULTRAMARKET_COVERAGE"] = "1"
    try:
        instance = instances.load_or_make(context.obj, environment)
        install.install(instance, lambda text: console.print(f"[dim]·[/] {text}"))
        with locked(instance.name), Drawing() as drawing:
            started = raise_instance(instance, drawing.progress, only_servers)
    except (PortTaken, CannotStart, install.CannotInstall) as problem:
        fail(str(problem))
    if not only_servers:
        _first_things(instance, seed)
    _farewell(instance, started, time.monotonic() - begun, only_servers)


def _first_things(instance: Instance, seed: bool) -> None:
    """The administrator and, once, the demo catalogue."""
    with refusals_end_the_command():
        if not instance.admin_made:
            from ultramarket.accounts import ensure_administrator

            ensure_administrator(instance)
            _finished("administrator", ADMIN_EMAIL)
        if seed and not instance.seeded:
            from ultramarket.seed import seed as load_catalogue

            outcome = load_catalogue(instance)
            _finished("demo catalogue", f"{outcome.created} products")
            for refusal in outcome.refused:
                console.print(f"[red]line {refusal['line']}[/]: {refusal['reason']}", soft_wrap=True)


def _finished(name: str, note: str) -> None:
    console.print(f"[green]✓[/] {name:<20}[dim]{note}[/]")


def _farewell(instance: Instance, started: list[str], seconds: float, only_servers: bool) -> None:
    what = f"{len(started)} processes started" if started else "everything runs already"
    console.print(f"\n[bold green]✓[/] instance [bold]{instance.name}[/]: {what} ({seconds:.1f} s)\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    if not only_servers:
        table.add_row("shop", f"{instance.gateway_url}/api/v1", "")
        table.add_row("docs", f"{instance.gateway_url}/docs", "")
        table.add_row("administrator", ADMIN_EMAIL, f"password [bold]{instance.secrets['admin_password']}[/]")
    for server in local(instance):
        table.add_row(server.name, f"127.0.0.1:{server.port(instance)}", "")
    for name, url in instance.external.items():
        table.add_row(name, url.rpartition("@")[2], "[dim]not ours: from the environment[/]")
    console.print(table)
    if not only_servers:
        chosen_one = "" if instance.name == "dev" else f" --instance {instance.name}"
        console.print("\ntry:")
        console.print(f"  curl '{instance.gateway_url}/api/v1/products?limit=3'", soft_wrap=True)
        console.print(f"  .venv/bin/ultramarket{chosen_one} demo      [dim]a customer's journey, step by step[/]")
        console.print(f"  .venv/bin/ultramarket{chosen_one} status")


class Drawing:
    """A line per finished step, and one moving line that names what is still awaited."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.status: Status = console.status("looking around")
        self.progress = Progress(self._begun, self._done, self._say)

    def __enter__(self) -> "Drawing":
        self.status.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.status.stop()

    def _begun(self, name: str) -> None:
        self.waiting.append(name)
        self._draw()

    def _done(self, name: str, note: str) -> None:
        self.waiting.remove(name)
        _finished(name, note)
        self._draw()

    def _say(self, text: str) -> None:
        console.print(f"[dim]·[/] {text}")

    def _draw(self) -> None:
        self.status.update("waiting for " + ", ".join(self.waiting))


def down(
    context: typer.Context,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove its data, logs and secrets too.")] = False,
) -> None:
    """End exactly the processes that this instance started, killed runs' leftovers included."""
    try:
        instance = instances.load(context.obj)
    except NoSuchInstance:
        console.print(f"[dim]·[/] there is no instance {context.obj}: nothing to end")
        return
    with locked(instance.name), console.status("ending the services, then the servers"):
        try:
            ended = end_instance(instance)
        except RuntimeError as problem:
            fail(str(problem))
        if wipe:
            wipe_instance(instance)
    console.print(
        f"[bold green]✓[/] instance {instance.name}: {ended} processes ended{', all its data removed' if wipe else ''}"
    )


def start(context: typer.Context, names: Names) -> None:
    """Start servers or services that were stopped; before services, migrations that are not applied yet are."""
    supervisor = _supervisor_of(context, names)
    _bring_stores_up_to_date(chosen(context), names)
    for name in names:
        supervisor.start(name)
    _tell(supervisor, names)


def stop(context: typer.Context, names: Names) -> None:
    """Stop servers or services, side by side; the others run on."""
    supervisor = _supervisor_of(context, names)
    _stop(supervisor, names)
    _tell(supervisor, names)


def restart(context: typer.Context, names: Names) -> None:
    """Stop and start servers or services: the new code of a service is in effect afterwards, and its migrations are."""
    supervisor = _supervisor_of(context, names)
    _bring_stores_up_to_date(chosen(context), names)
    _stop(supervisor, names)
    for name in names:
        supervisor.start(name)
    _tell(supervisor, names)


def _supervisor_of(context: typer.Context, names: list[str]) -> Supervisor:
    supervisor = Supervisor(chosen(context))
    states = supervisor.states()
    if not states:
        fail("the instance doesn't run: `ultramarket up` starts it", NOT_THERE)
    unknown = sorted(set(names) - set(states))
    if unknown:
        fail(f"no such process: {', '.join(unknown)}. There are {', '.join(sorted(states))}", NOT_THERE)
    return supervisor


def _bring_stores_up_to_date(instance: Instance, names: list[str]) -> None:
    """As a cluster does it, before the new code runs. Servers alone, or with a store away, can still be started."""
    stores = [server for server in local(instance) if server.name in ("postgres", "mongodb")]
    migrated = any("migrated" in needs(name) for name in names if name in SERVICE_NAMES)
    if not migrated or not all(store.is_ready(instance) for store in stores):
        return
    try:
        migrate(instance)
    except CannotStart as problem:
        fail(f"{problem}\nNothing was stopped or started", FAILED)


def _stop(supervisor: Supervisor, names: list[str]) -> None:
    try:
        supervisor.stop(names)
    except RuntimeError as problem:
        fail(str(problem), FAILED)


def _tell(supervisor: Supervisor, names: list[str]) -> None:
    states = supervisor.states()
    for name in names:
        console.print(f"[green]✓[/] {name}: {states[name]['statename'].lower()}")
