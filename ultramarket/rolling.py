"""Rolling restart of our processes: a new one answers before the old one ends, so that no request is lost."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psutil

from services.chassis.runtime.registry import ENTRY_MODULES, GATEWAY
from ultramarket import health, processes
from ultramarket.instance import Instance
from ultramarket.programs import Program
from ultramarket.supervision import Supervisor

READY_SECONDS: Final = 90.0
STARTED: Final = '"started"'
"""The log line of a services' process whose services take requests."""


class CannotRoll(Exception):
    """A process did not become ready; the old one runs on, or was started again."""


def restart(instance: Instance, supervisor: Supervisor, program: Program) -> None:
    """Restart one process of ours with its current code. Raises `CannotRoll`.

    Services: a second process of the same services takes requests while the first one ends what it runs and starts
    again. Gateway: its server starts a new worker on the same socket, then ends the old one. The bridge and the
    analytics consumer answer nobody: they are restarted, and what has arrived meanwhile waits in their queue or topic.
    """
    if program.name == GATEWAY:
        _respawn_workers(supervisor, program)
    elif program.name in ENTRY_MODULES:
        _restart(supervisor, program)
    else:
        with second_process(instance, program):
            _restart(supervisor, program)


def _restart(supervisor: Supervisor, program: Program) -> None:
    supervisor.stop([program.name])
    supervisor.start(program.name)
    _wait_until_ready(program)


def _wait_until_ready(program: Program) -> None:
    _wait(lambda: all((health.ready(port) or {}).get("ok", False) for port in program.ports), program.name)


def _respawn_workers(supervisor: Supervisor, program: Program) -> None:
    """Have Granian replace its workers (https://github.com/emmett-framework/granian: SIGHUP)."""
    server = psutil.Process(supervisor.states()[program.name]["pid"])
    workers = {child.pid for child in server.children()}
    server.send_signal(signal.SIGHUP)
    _wait(lambda: not workers & {child.pid for child in server.children()}, program.name)
    _wait_until_ready(program)


@contextmanager
def second_process(instance: Instance, program: Program, changes: dict[str, str] | None = None) -> Iterator[None]:
    """A second process of the same services, on free ports, for the length of the block.

    `changes`: values of its environment. Raises `CannotRoll` when it doesn't start.
    """
    environment = os.environ | program.environment | {"SUPERVISOR_ENABLED": "1"} | (changes or {})
    environment["ULTRAMARKET_HOME"] = str(instance.folder)
    environment.pop("ULTRAMARKET_CONTROL_SOCKET", None)
    command = [*program.command[:3], "--free-ports", *program.command[3:]]
    second = subprocess.Popen(
        command, cwd=program.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    started = threading.Event()
    log = instance.logs / f"{program.name}.log"

    def follow() -> None:
        with log.open("a") as file:
            for line in second.stdout or ():
                file.write(line)
                if STARTED in line:
                    started.set()

    threading.Thread(target=follow, daemon=True).start()
    try:
        _wait(lambda: started.is_set() or second.poll() is not None, f"a second process of {program.name}")
        if second.poll() is not None:
            raise CannotRoll(f"a second process of {program.name} ended: `ultramarket logs {program.name}`")
        yield
    finally:
        processes.end([psutil.Process(second.pid)] if second.poll() is None else [])
        second.wait()


def _wait(ready: Callable[[], bool], name: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while not ready():
        if time.monotonic() > until:
            raise CannotRoll(f"{name} is not ready after {READY_SECONDS:.0f} s")
        time.sleep(0.2)
