"""Commands up and down."""

import os
import time
from typing import Annotated, Any

import typer
from rich.status import Status
from rich.table import Table

from ultramarket import install
from ultramarket import instance as instances
from ultramarket.commands.context import console, exit_on_api_error, fail, print_done
from ultramarket.down import down as stop_instance
from ultramarket.down import wipe as wipe_instance
from ultramarket.instance import Instance, NoSuchInstance, locked
from ultramarket.instance_environment import ADMIN_EMAIL
from ultramarket.ports import PortTaken
from ultramarket.servers import local
from ultramarket.up import CannotStart, Progress
from ultramarket.up import up as start_instance
from ultramarket.up_settings import LAYOUT_SETTING, LAYOUTS, InvalidSetting, UnknownValue


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket --instance demo up")(up)
    app.command(epilog="Example: ultramarket --instance test down --wipe")(down)


def up(
    context: typer.Context,
    only_servers: Annotated[bool, typer.Option("--only-servers", help="No migrations, no services.")] = False,
    layout: Annotated[
        str | None,
        typer.Option(
            envvar=LAYOUT_SETTING,
            help="compact: services share few processes; separate: one process each. Remembered.",
            autocompletion=lambda incomplete: [name for name in LAYOUTS if name.startswith(incomplete)],
        ),
    ] = None,
    seed: Annotated[bool, typer.Option(help="Load the demo catalogue the first time.")] = True,
    coverage: Annotated[bool, typer.Option("--coverage", help="Measure coverage inside the services.")] = False,
) -> None:
    """Start everything that is not running; the first time, install, migrate and seed.

    Repeating it changes nothing. Exit code 1: something did not start; the end of its log is shown.
    """
    begun = time.monotonic()
    environment = dict(os.environ)
    if coverage:
        environment["ULTRAMARKET_COVERAGE"] = "1"
    if layout is not None:
        environment[LAYOUT_SETTING] = layout
    try:
        instance = instances.load_or_make(context.obj, environment)
        install.install(instance, _print_note)
        with locked(instance.name), ProgressDisplay() as display:
            started = start_instance(instance, display.progress, only_servers)
    except (PortTaken, CannotStart, UnknownValue, InvalidSetting, install.CannotInstall) as problem:
        fail(str(problem))
    if not only_servers:
        _create_first_data(instance, seed)
    _print_summary(instance, started, time.monotonic() - begun, only_servers)


def _create_first_data(instance: Instance, seed: bool) -> None:
    """The administrator and the demo catalogue, once."""
    with exit_on_api_error():
        if not instance.admin_created:
            from ultramarket.accounts import ensure_administrator

            ensure_administrator(instance)
            print_done("administrator", ADMIN_EMAIL)
        if seed and not instance.seeded:
            from ultramarket.seed import seed as load_catalogue

            result = load_catalogue(instance)
            print_done("demo catalogue", f"{result.created} products")
            for refusal in result.refused:
                console.print(f"[red]line {refusal['line']}[/]: {refusal['reason']}", soft_wrap=True)


def _print_summary(instance: Instance, started: list[str], seconds: float, only_servers: bool) -> None:
    what = f"{len(started)} processes started" if started else "everything was running"
    console.print(f"\n[bold green]✓[/] instance [bold]{instance.name}[/]: {what} ({seconds:.1f} s)\n")
    table = Table(box=None, show_header=False, pad_edge=False)
    if not only_servers:
        table.add_row("shop", f"{instance.gateway_url}/api/v1", "")
        table.add_row("", f"{instance.tls_url}/api/v1", f"[dim]its authority: {instance.ca_file}[/]")
        table.add_row("docs", f"{instance.gateway_url}/docs", "")
        table.add_row("administrator", ADMIN_EMAIL, f"password [bold]{instance.secrets['admin_password']}[/]")
        table.add_row("layout", instance.layout, "")
    for server in local(instance):
        table.add_row(server.name, f"127.0.0.1:{server.port(instance)}", "")
    for name, url in instance.external.items():
        table.add_row(name, url.rpartition("@")[2], "[dim]external, from the environment[/]")
    console.print(table)
    if not only_servers:
        option = "" if instance.name == "dev" else f" --instance {instance.name}"
        console.print("\ntry:")
        console.print(f"  curl -w '\\n' '{instance.gateway_url}/api/v1/products?limit=3'", soft_wrap=True)
        console.print(f"  .venv/bin/ultramarket{option} demo      [dim]a customer's journey, step by step[/]")
        console.print(f"  .venv/bin/ultramarket{option} status")


class ProgressDisplay:
    """A line for each finished step, and a spinner that names the running ones."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.status: Status = console.status("preparing")
        self.progress = Progress(self._begun, self._done, _print_note)

    def __enter__(self) -> "ProgressDisplay":
        self.status.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.status.stop()

    def _begun(self, name: str) -> None:
        self.running.append(name)
        self._update()

    def _done(self, name: str, note: str) -> None:
        self.running.remove(name)
        print_done(name, note)
        self._update()

    def _update(self) -> None:
        self.status.update("waiting for " + ", ".join(self.running))


def _print_note(text: str) -> None:
    console.print(f"[dim]·[/] {text}")


def down(
    context: typer.Context,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove its data, logs and secrets too.")] = False,
) -> None:
    """End exactly the processes that this instance started, also those of an earlier, killed run."""
    try:
        instance = instances.load(context.obj)
    except NoSuchInstance:
        _print_note(f"there is no instance {context.obj}: nothing to end")
        return
    with locked(instance.name), console.status("stopping the services, then the servers"):
        try:
            ended = stop_instance(instance)
        except RuntimeError as problem:
            fail(str(problem))
        if wipe:
            wipe_instance(instance)
    console.print(
        f"[bold green]✓[/] instance {instance.name}: {ended} processes ended{', all its data removed' if wipe else ''}"
    )
