"""Faults: processes killed, servers stopped, killed or frozen and back again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ultramarket import health
from ultramarket.chaos.run import Run, ScenarioFailed, wait_until
from ultramarket.programs import service_programs
from ultramarket.servers import local
from ultramarket.status import status

HEALTHY_SECONDS = 180.0


def service_processes(run: Run) -> list[str]:
    """The names of our processes: services, gateway, bridge, analytics consumer."""
    return [program.name for program in service_programs(run.instance)]


def server_processes(run: Run, server: str) -> list[str]:
    """The names of the programs of one server."""
    servers = {candidate.name: candidate for candidate in local(run.instance)}
    return [program.name for program in servers[server].programs(run.instance)]


def pid_of(run: Run, process: str) -> int | None:
    """The process id while it runs."""
    state = run.supervisor.states().get(process, {})
    return int(state["pid"]) if state.get("pid") and state["statename"] in ("RUNNING", "STARTING") else None


def is_ready(run: Run, process: str) -> bool:
    """Whether the process runs and says on its health port that it is ready."""
    program = next(program for program in service_programs(run.instance) if program.name == process)
    return pid_of(run, process) is not None and all((health.ready(port) or {}).get("ok") for port in program.ports)


def kill(run: Run, process: str) -> bool:
    """`kill -9` a process and its children. False when it is not running at the moment."""
    pid = pid_of(run, process)
    if pid is None:
        return False
    _signal_tree(pid, signal.SIGKILL)
    return True


@contextmanager
def stopped(run: Run, server: str) -> Iterator[None]:
    """Stop a server orderly for the length of the block, and wait until it serves again."""
    names = server_processes(run, server)
    with run.fault(f"{server} stopped"):
        run.supervisor.stop(names)
        try:
            yield
        finally:
            for name in names:
                run.supervisor.start(name)
            wait_until_ready(run, server)


@contextmanager
def killed(run: Run, server: str) -> Iterator[None]:
    """`kill -9` a server; its supervisor starts it again. Ends when it serves again."""
    with run.fault(f"{server} killed"):
        for name in server_processes(run, server):
            kill(run, name)
        try:
            yield
        finally:
            wait_until_ready(run, server)


@contextmanager
def frozen(run: Run, server: str) -> Iterator[None]:
    """Freeze a server (SIGSTOP) for the length of the block: its connections stay open and nothing answers."""
    pids = [pid for name in server_processes(run, server) if (pid := pid_of(run, name))]
    with run.fault(f"{server} frozen"):
        for pid in pids:
            _signal_tree(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                _signal_tree(pid, signal.SIGCONT)


def wait_until_ready(run: Run, server: str, seconds: float = HEALTHY_SECONDS) -> None:
    """Wait until a server serves clients. Raises `ScenarioFailed`."""
    [module] = [candidate for candidate in local(run.instance) if candidate.name == server]
    if not wait_until(lambda: module.is_ready(run.instance), seconds):
        raise ScenarioFailed(f"{server} is not ready after {seconds:.0f} s")


def wait_until_healthy(run: Run, seconds: float = HEALTHY_SECONDS) -> float:
    """Wait until each process has been seen running and healthy; the seconds that it took. Raises `ScenarioFailed`."""
    begun = run.now
    healthy: set[str] = set()
    last: list[str] = []

    def all_healthy() -> bool:
        rows = status(run.instance)["processes"]
        healthy.update(row["name"] for row in rows if row["state"] == "running" and row["health"] in (None, "ok"))
        last[:] = [row["name"] for row in rows if row["name"] not in healthy]
        return not last

    if not wait_until(all_healthy, seconds, 1.0):
        raise ScenarioFailed(f"not healthy after {seconds:.0f} s: {', '.join(last)}")
    return run.now - begun


def _signal_tree(pid: int, number: signal.Signals) -> None:
    for child in (*_descendants(pid), pid):
        with suppress(ProcessLookupError):
            os.kill(child, number)


def _descendants(pid: int) -> list[int]:
    with suppress(OSError):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [descendant for child in children for descendant in (*_descendants(child), child)]
    return []
