"""Startup of an instance: servers concurrently, each process as soon as the servers it needs are ready."""

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NoReturn

from ultramarket import control, health, ports, processes
from ultramarket.instance import ROOT, Instance
from ultramarket.private_files import make_private
from ultramarket.programs import MIGRATED, Program, needs, service_programs
from ultramarket.servers import Server, local
from ultramarket.servers.toxiproxy import Toxiproxy
from ultramarket.service_environment import all_own_urls
from ultramarket.supervision import Supervisor, answers

SERVER_SECONDS: Final = 300
SERVICE_SECONDS: Final = 300
POLL_SECONDS: Final = 0.1
STATES_SECONDS: Final = 1.0
"""Intervals of the readiness check, and of a look at supervisord's states."""
MAX_STARTS: Final = 5
"""A process that ended this often while we waited for it is given up."""


class CannotStart(Exception):
    """A process that does not start, with the end of its log."""


@dataclass
class Progress:
    """Callbacks of `up`: a step has begun, is done (with a note), or something else is worth a line."""

    begun: Callable[[str], None] = lambda _name: None
    done: Callable[[str, str], None] = lambda _name, _note: None
    note: Callable[[str], None] = lambda _text: None


@dataclass
class Startup:
    """One run of `up`. Steps are named by what they make available: a server, `migrated`, a process."""

    instance: Instance
    progress: Progress
    supervisor: Supervisor
    only_servers: bool = False
    started: list[str] = field(default_factory=list)
    """What had to be started; empty when everything was running."""
    restarted: set[str] = field(default_factory=set)
    """Programs that ran with another configuration and were restarted for that."""
    failed: threading.Event = field(default_factory=threading.Event)
    """One step has failed: the others end early."""

    def run(self) -> None:
        """Raises `CannotStart`, `ports.PortTaken`."""
        servers = local(self.instance)
        programs = [] if self.only_servers else service_programs(self.instance)
        with ThreadPoolExecutor(len(servers) + len(programs) + 1) as pool:
            steps: dict[str, Future[None]] = {}
            for server in servers:
                steps[server.name] = pool.submit(self._start_server, server)
            if not self.only_servers:
                stores = [steps[name] for name in ("postgres", "mongodb") if name in steps]
                steps[MIGRATED] = pool.submit(self._migrate, stores)
            for program in programs:
                required = {Toxiproxy.name}.union(*(needs(service) for service in program.services))
                dependencies = [steps[name] for name in required if name in steps]
                steps[program.name] = pool.submit(self._start_process, program, dependencies)
            for step in as_completed(steps.values()):
                if failure := step.exception():
                    self.failed.set()
                    raise failure

    def _start_server(self, server: Server) -> None:
        begun = time.monotonic()
        self.progress.begun(server.name)
        fresh = False
        for program in server.programs(self.instance):
            fresh = self._start(program.name) or fresh
            if program.name != server.name:
                self._wait(program.name, partial(answers, program.ports[0]), SERVER_SECONDS)
        self._wait(server.name, lambda: server.is_ready(self.instance), SERVER_SECONDS)
        server.initialise(self.instance)
        self.progress.done(server.name, _duration(begun, fresh))

    def _migrate(self, stores: list[Future[None]]) -> None:
        for store in stores:
            store.result()
        self.progress.begun("migrations")
        begun = time.monotonic()
        migrate(self.instance)
        self.progress.done("migrations", _duration(begun, True))

    def _start_process(self, program: Program, dependencies: list[Future[None]]) -> None:
        for step in dependencies:
            step.result()
        self.progress.begun(program.name)
        begun = time.monotonic()
        control.forget_stopped(self.instance, program.name)
        fresh = self._start(program.name)
        if not fresh:
            self._start_stopped_services(program)
        for port in program.ports:
            self._wait(program.name, partial(_is_ready, port), SERVICE_SECONDS)
        self.progress.done(program.name, _duration(begun, fresh))

    def _start_stopped_services(self, program: Program) -> None:
        state = control.state(self.instance, program.name) if len(program.services) > 1 else None
        for service, details in (state or {}).get("services", {}).items():
            if details["state"] == "stopped":
                control.change(self.instance, program.name, service, "start")
                self.started.append(service)

    def _start(self, name: str) -> bool:
        fresh = self.supervisor.start(name) or name in self.restarted
        if fresh:
            self.started.append(name)
        return fresh

    def _wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Raises `CannotStart` after the time is over, after repeated ends, or when another step has failed."""
        end = time.monotonic() + seconds
        pids: set[int] = set()
        states_at = 0.0
        while not ready():
            if time.monotonic() >= states_at:  # costs supervisord and us more than the readiness check
                pids.add(self.supervisor.states().get(name, {}).get("pid", 0))
                states_at = time.monotonic() + STATES_SECONDS
            if self.failed.is_set():
                raise CannotStart(f"{name} was still starting")
            if len(pids) > MAX_STARTS:
                self._give_up(f"{name} ends as soon as it starts", name)
            if time.monotonic() > end:
                self._give_up(f"{name} is not ready after {seconds:.0f} s", name)
            time.sleep(POLL_SECONDS)

    def _give_up(self, reason: str, name: str) -> NoReturn:
        raise CannotStart(f"{reason}. The end of its log:\n{log_end(self.instance, name)}")


def _duration(begun: float, fresh: bool) -> str:
    return f"{time.monotonic() - begun:.1f} s" if fresh else "already running"


def _is_ready(port: int) -> bool:
    return bool((health.ready(port) or {}).get("ok", False))


def programs_of(instance: Instance) -> list[Program]:
    """All programs that the instance runs itself."""
    return [program for server in local(instance) for program in server.programs(instance)] + service_programs(instance)


def up(instance: Instance, progress: Progress, only_servers: bool = False) -> list[str]:
    """Start what does not run; the names of what had to be started. Raises `CannotStart`, `ports.PortTaken`."""
    supervisor = Supervisor(instance)
    running = supervisor.is_running()
    leftovers = processes.end_leftovers(instance, running)
    if leftovers:
        progress.note(f"ended {len(leftovers)} processes of an earlier, killed run")
    _check_ports(instance, supervisor)
    _prepare(local(instance), instance)
    changed = supervisor.write_config(programs_of(instance))
    restarted: set[str] = set()
    if not running:
        supervisor.launch()
    elif changed:
        services = [] if only_servers else [program.name for program in service_programs(instance)]
        restarted = supervisor.apply_config(started_later=services)
    startup = Startup(instance, progress, supervisor, only_servers, restarted=restarted)
    startup.run()
    if not instance.private:  # after the servers that let others read their files were restarted
        make_private(instance.folder)
        instance.private = True
        instance.save()
    return startup.started


def _prepare(servers: list[Server], instance: Instance) -> None:
    """Concurrently: the first time this creates a database cluster and formats Kafka's log."""
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        list(pool.map(lambda server: server.prepare(instance), servers))


def _check_ports(instance: Instance, supervisor: Supervisor) -> None:
    """Raises `ports.PortTaken` for a port that a process outside of the instance has."""
    for program, port in taken_ports(instance, supervisor):
        raise ports.PortTaken(program, port)


def taken_ports(instance: Instance, supervisor: Supervisor) -> list[tuple[str, int]]:
    """(program, port) of programs that do not run, whose port is used by a process outside of the instance."""
    states = supervisor.states()
    idle = [program for program in programs_of(instance) if not states.get(program.name, {}).get("pid")]
    used = [(program.name, port) for program in idle for port in program.ports if not ports.is_free(port)]
    if not used:
        return []
    own_pids = {process.pid for process in processes.of(instance)}
    return [(name, port) for name, port in used if ports.owner_of(port) not in own_pids]


def migrate(instance: Instance) -> None:
    """Apply all migrations. Raises `CannotStart`."""
    result = run_module(instance, "services.chassis.migrations")
    if result.returncode:
        raise CannotStart(f"the migrations failed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")


def run_module(instance: Instance, *module: str) -> subprocess.CompletedProcess[str]:
    """Run one of our modules in the instance's environment and wait for its end."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ULTRAMARKET_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env=environment | instance.environment() | all_own_urls(instance),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def log_end(instance: Instance, name: str, lines: int = 15) -> str:
    """The last lines of a process's log."""
    path = instance.logs / f"{name}.log"
    if not path.exists():
        return "(no log)"
    with path.open(errors="replace") as file:
        return "".join(deque(file, lines))
