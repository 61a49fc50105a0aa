"""Commands start, stop and restart of servers, services and the processes that services share."""

import time
from typing import Annotated

import typer

from ultramarket import control, health
from ultramarket import rolling as rolling_restart
from ultramarket.commands import completion
from ultramarket.commands.context import FAILED, NOT_FOUND, USAGE, console, fail, selected_instance
from ultramarket.instance import Instance
from ultramarket.programs import MIGRATED, needs, process_names, processes_of, service_processes, service_programs
from ultramarket.servers import local
from ultramarket.supervision import Supervisor
from ultramarket.up import CannotStart, migrate

READY_SECONDS = 60.0

Names = Annotated[
    list[str],
    typer.Argument(
        help="Servers, services or processes, as `ultramarket status` names them.", autocompletion=completion.processes
    ),
]


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: ultramarket start kafka bridge")(start)
    app.command(epilog="Example: ultramarket stop kafka")(stop)
    app.command(epilog="Example: ultramarket restart --all --rolling")(restart)


def start(context: typer.Context, names: Names) -> None:
    """Start servers or services that were stopped; before services, pending migrations are applied.

    A service whose process is running starts in it, with the code that the process has loaded.
    """
    instance, supervisor = _running_instance(context, names)
    _apply_migrations(instance, names)
    for name, process in _with_processes(instance, names):
        if process != name and supervisor.is_up(process):
            _change_service(instance, process, name, "start")
            continue
        _forget_stopped(instance, process, name)
        supervisor.start(process)
        _print_process(instance, supervisor, process, name)


def stop(context: typer.Context, names: Names) -> None:
    """Stop servers or services; the others continue, also those in the same process.

    A stopped service takes no requests and no events until it is started; `up` starts it as well.
    """
    instance, supervisor = _running_instance(context, names)
    processes = []
    for name, process in _with_processes(instance, names):
        if process == name:
            processes.append(process)
        elif supervisor.is_up(process):
            _change_service(instance, process, name, "stop")
        else:
            console.print(f"[green]✓[/] {name}: the process {process} is not running")
    _stop_processes(supervisor, processes)
    for process in processes:
        _print_process(instance, supervisor, process, process)


def restart(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Servers, services or processes, as `ultramarket status` names them.",
            autocompletion=completion.processes,
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All services, the gateway and the bridge.")] = False,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="A new process answers before the old one ends: no request is lost.")
    ] = False,
) -> None:
    """Restart servers or services with their current code; before services, pending migrations are applied.

    A service that shares its process is restarted with the whole process, since only a new process loads new code.
    Waits until the processes are ready, at most a minute.
    """
    if bool(names) == every:
        fail("name what to restart, or give --all", USAGE)
    chosen = names or [program.name for program in service_programs(selected_instance(context))]
    instance, supervisor = _running_instance(context, chosen)
    _apply_migrations(instance, chosen)
    if rolling:
        _restart_rolling(instance, supervisor, chosen)
    else:
        _restart(instance, supervisor, chosen)


def _restart(instance: Instance, supervisor: Supervisor, names: list[str]) -> None:
    named = _with_processes(instance, names)
    for name, process in named:
        _forget_stopped(instance, process, name)
    processes = list(dict.fromkeys(process for _, process in named))
    _stop_processes(supervisor, processes)
    for process in processes:
        supervisor.start(process)
    with console.status("waiting until they are ready"):
        unready = _wait_until_ready(instance, processes)
    for process in processes:
        _print_process(instance, supervisor, process, *(name for name, other in named if other == process))
    for process in unready:
        console.print(f"[yellow]·[/] {process} is not ready yet: see `ultramarket logs {process}`", soft_wrap=True)


def _restart_rolling(instance: Instance, supervisor: Supervisor, names: list[str]) -> None:
    programs = {program.name: program for program in service_programs(instance)}
    chosen = list(dict.fromkeys(process for _, process in _with_processes(instance, names)))
    servers = [name for name in chosen if name not in programs]
    if servers:
        fail(f"a server is not restarted rolling on one machine: {', '.join(servers)}", USAGE)
    for name in chosen:
        begun = time.monotonic()
        with console.status(f"restarting {name}"):
            try:
                rolling_restart.restart(instance, supervisor, programs[name])
            except rolling_restart.CannotRoll as problem:
                fail(str(problem))
        console.print(f"[green]✓[/] {name:<20}[dim]{time.monotonic() - begun:.1f} s[/]")


def _with_processes(instance: Instance, names: list[str]) -> list[tuple[str, str]]:
    """(name, process) of each process that runs what is named."""
    return [(name, process) for name in names for process in processes_of(instance, name)]


def _wait_until_ready(instance: Instance, processes: list[str]) -> list[str]:
    """Wait for the processes of ours among these; returns those that are not ready after `READY_SECONDS`."""
    waiting = {program.name: program.ports for program in service_programs(instance) if program.name in processes}
    until = time.monotonic() + READY_SECONDS
    while waiting and time.monotonic() < until:
        time.sleep(0.2)
        waiting = {
            name: ports
            for name, ports in waiting.items()
            if not all((health.ready(port) or {}).get("ok", False) for port in ports)
        }
    return list(waiting)


def _running_instance(context: typer.Context, names: list[str]) -> tuple[Instance, Supervisor]:
    """The instance and its supervisor; ends the command when it is down or does not have one of the names."""
    instance = selected_instance(context)
    supervisor = Supervisor(instance)
    states = supervisor.states()
    if not states:
        fail("the instance is not running: `ultramarket up` starts it", NOT_FOUND)
    available = [name for name in process_names(instance) if set(processes_of(instance, name)) <= set(states)]
    unknown = sorted(set(names) - set(available))
    if unknown:
        fail(f"no such process: {', '.join(unknown)}. Available: {', '.join(sorted(available))}", NOT_FOUND)
    return instance, supervisor


def _change_service(instance: Instance, process: str, service: str, action: str) -> None:
    try:
        result = control.change(instance, process, service, action)
    except control.Unresponsive as problem:
        fail(str(problem))
    console.print(f"[green]✓[/] {service}: {result['state']} in the process {process}; its other services continue")


def _forget_stopped(instance: Instance, process: str, name: str) -> None:
    """A name that is a process starts all its services."""
    if process == name:
        control.forget_stopped(instance, process)
    else:
        control.forget_stopped(instance, process, name)


def _apply_migrations(instance: Instance, names: list[str]) -> None:
    """Before new code runs. Skipped for servers, and while a store is unavailable."""
    processes = {process for _, process in _with_processes(instance, names)}
    services = [service for process in processes for service in service_processes(instance).get(process, ())]
    stores = [server for server in local(instance) if server.name in ("postgres", "mongodb")]
    if not any(MIGRATED in needs(service) for service in services):
        return
    if not all(store.is_ready(instance) for store in stores):
        return
    try:
        migrate(instance)
    except CannotStart as problem:
        fail(f"{problem}\nNothing was stopped or started", FAILED)


def _stop_processes(supervisor: Supervisor, processes: list[str]) -> None:
    try:
        supervisor.stop(processes)
    except RuntimeError as problem:
        fail(str(problem), FAILED)


def _print_process(instance: Instance, supervisor: Supervisor, process: str, *names: str) -> None:
    state = supervisor.states()[process]["statename"].lower()
    services = service_processes(instance).get(process, (process,))
    if len(services) == 1:
        console.print(f"[green]✓[/] {process}: {state}")
    else:
        console.print(f"[green]✓[/] {', '.join(names)}: the process {process} with {', '.join(services)} is {state}")
