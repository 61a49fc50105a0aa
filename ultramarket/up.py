"""Bring an instance up: the servers side by side, each service as soon as what it needs is there."""

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

from ultramarket import health, ports, processes
from ultramarket.instance import ROOT, Instance
from ultramarket.programs import SERVICE_NAMES, Program, needs, service_programs
from ultramarket.servers import Server, local
from ultramarket.supervision import Supervisor, answers

SERVER_SECONDS: Final = 120
SERVICE_SECONDS: Final = 180
POLL_SECONDS: Final = 0.1
LIVES: Final = 5
"""So many starts one after the other are no start."""


class CannotStart(Exception):
    """Which process doesn't come up, and the end of its log."""


@dataclass
class Progress:
    """What `up` tells while it works; the command draws it."""

    begun: Callable[[str], None] = lambda _name: None
    done: Callable[[str, str], None] = lambda _name, _note: None
    say: Callable[[str], None] = lambda _text: None


@dataclass
class Rising:
    """One run of `up`. Steps are named by what they make available: a server, `migrated`, a service."""

    instance: Instance
    progress: Progress
    supervisor: Supervisor
    only_servers: bool = False
    started: list[str] = field(default_factory=list)
    """What had to be started; empty when everything ran."""
    given_up: threading.Event = field(default_factory=threading.Event)
    """One step has failed: the others need not go on."""

    def run(self) -> None:
        """Raises `CannotStart`, `ports.PortTaken`."""
        servers = local(self.instance)
        with ThreadPoolExecutor(len(servers) + len(SERVICE_NAMES) + 1) as pool:
            steps: dict[str, Future[None]] = {}
            for server in servers:
                steps[server.name] = pool.submit(self._server, server)
            if not self.only_servers:
                stores = [steps[name] for name in ("postgres", "mongodb") if name in steps]
                steps["migrated"] = pool.submit(self._migrate, stores)
                for name in SERVICE_NAMES:
                    steps[name] = pool.submit(
                        self._service, name, [steps[need] for need in needs(name) if need in steps]
                    )
            for step in as_completed(steps.values()):
                if failure := step.exception():
                    self.given_up.set()
                    raise failure

    def _server(self, server: Server) -> None:
        begun = time.monotonic()
        self.progress.begun(server.name)
        fresh = False
        for program in server.programs(self.instance):
            fresh = self._start(program.name) or fresh
            if program.name != server.name:
                self._wait(program.name, partial(answers, program.ports[0]), SERVER_SECONDS)
        self._wait(server.name, lambda: server.is_ready(self.instance), SERVER_SECONDS)
        server.initialise(self.instance)
        self.progress.done(server.name, f"{time.monotonic() - begun:.1f} s" if fresh else "runs")

    def _migrate(self, stores: list[Future[None]]) -> None:
        for store in stores:
            store.result()
        self.progress.begun("migrations")
        begun = time.monotonic()
        migrate(self.instance)
        self.progress.done("migrations", f"{time.monotonic() - begun:.1f} s")

    def _service(self, name: str, wanted: list[Future[None]]) -> None:
        for step in wanted:
            step.result()
        self.progress.begun(name)
        begun = time.monotonic()
        fresh = self._start(name)
        port = self.instance.block.service(name)
        self._wait(name, lambda: (health.ready(port) or {}).get("ok", False), SERVICE_SECONDS)
        self.progress.done(name, f"{time.monotonic() - begun:.1f} s" if fresh else "runs")

    def _start(self, name: str) -> bool:
        fresh = self.supervisor.start(name)
        if fresh:
            self.started.append(name)
        return fresh

    def _wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Raises `CannotStart` when it takes too long, dies again and again, or another step has failed."""
        end = time.monotonic() + seconds
        lives: set[int] = set()
        while not ready():
            lives.add(self.supervisor.states().get(name, {}).get("pid", 0))
            if self.given_up.is_set():
                raise CannotStart(f"{name} was still starting")
            if len(lives) > LIVES:
                self._give_up(f"{name} dies as soon as it starts", name)
            if time.monotonic() > end:
                self._give_up(f"{name} is not ready after {seconds:.0f} s", name)
            time.sleep(POLL_SECONDS)

    def _give_up(self, why: str, name: str) -> NoReturn:
        raise CannotStart(f"{why}. The end of its log:\n{log_end(self.instance, name)}")


def programs_of(instance: Instance) -> list[Program]:
    return [program for server in local(instance) for program in server.programs(instance)] + service_programs(instance)


def up(instance: Instance, progress: Progress, only_servers: bool = False) -> list[str]:
    """The names of what had to be started. Raises `CannotStart`, `ports.PortTaken`."""
    supervisor = Supervisor(instance)
    running = supervisor.is_running()
    left = processes.end_leftovers(instance, running)
    if left:
        progress.say(f"ended {len(left)} processes that an earlier, killed run had left behind")
    _check_ports(instance, supervisor)
    _prepare(local(instance), instance)
    changed = supervisor.write_config(programs_of(instance))
    if not running:
        supervisor.launch()
    elif changed:
        supervisor.apply_config()
    rising = Rising(instance, progress, supervisor, only_servers)
    rising.run()
    return rising.started


def _prepare(servers: list[Server], instance: Instance) -> None:
    """Side by side: on the first day this makes a database cluster and formats Kafka's log."""
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        list(pool.map(lambda server: server.prepare(instance), servers))


def _check_ports(instance: Instance, supervisor: Supervisor) -> None:
    states = supervisor.states()
    for program in programs_of(instance):
        if states.get(program.name, {}).get("pid"):
            continue
        for port in program.ports:
            if not ports.is_free(port):
                raise ports.PortTaken(program.name, port)


def migrate(instance: Instance) -> None:
    """Bring every store to the newest schema. Raises `CannotStart`."""
    done = run_module(instance, "services.chassis.migrations")
    if done.returncode:
        raise CannotStart(f"the migrations failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def run_module(instance: Instance, *module: str) -> subprocess.CompletedProcess[str]:
    """Run one of our modules to its end, in the instance's environment."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("ULTRAMARKET_") and k != "PYTHONDONTWRITEBYTECODE"
    }
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env=environment | instance.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def log_end(instance: Instance, name: str, lines: int = 15) -> str:
    path = instance.logs / f"{name}.log"
    if not path.exists():
        return "(it wrote none)"
    with path.open(errors="replace") as file:
        return "".join(deque(file, lines))
