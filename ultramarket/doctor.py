"""Checks of the machine and an instance, from installed packages to migrations; each problem comes with advice."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from services.chassis.messaging.queues import depth, event_queue
from services.chassis.messaging.transport import BROKER_ERRORS, connect
from services.chassis.outbox.bridge_backlog import DEFAULT_LIMIT
from services.chassis.runtime.registry import BRIDGE
from ultramarket import install, ports, processes
from ultramarket.instance import ROOT, Instance, NoSuchInstance, load
from ultramarket.servers import SERVERS
from ultramarket.status import status
from ultramarket.supervision import Supervisor
from ultramarket.up import log_end, run_module, taken_ports

MIN_DISK_BYTES: Final = 1_000_000_000
"""RabbitMQ stops taking messages at 200 MB; databases cannot write even before."""
MANY_RESTARTS: Final = 3
LONG_LAG_SECONDS: Final = 1.0
"""A process whose event loop was blocked this long delays all services in it."""

Finding = dict[str, Any]


def examine(name: str) -> list[Finding]:
    """All findings for this machine and the instance."""
    return [*_machine(), *_instance(name)]


def good(check: str, message: str) -> Finding:
    return {"check": check, "ok": True, "message": message, "advice": None}


def bad(check: str, message: str, advice: str) -> Finding:
    return {"check": check, "ok": False, "message": message, "advice": advice}


def _machine() -> Iterator[Finding]:
    stamp, lock = ROOT / ".venv" / ".locked", ROOT / "requirements" / "dev.txt"
    if stamp.exists() and lock.stat().st_mtime > stamp.stat().st_mtime:
        yield bad("dependencies", "the lock file is newer than the environment", "make venv")
    missing = install.missing(SERVERS)
    if missing:
        names = ", ".join(item.what for item in missing)
        packages = " ".join(sorted({package for item in missing for package in item.apt}))
        advice = "`ultramarket up` installs it" + (f", or: apt-get install {packages}" if packages else "")
        yield bad("packages", f"missing: {names}", advice)
    else:
        yield good("packages", "all servers are installed")
    free = shutil.disk_usage(ROOT).free
    if free < MIN_DISK_BYTES:
        yield bad("disk", f"only {free // 1_000_000} MB free at {ROOT}", "free some, or `ultramarket down --wipe`")
    else:
        yield good("disk", f"{free // 1_000_000_000} GB free")


def _instance(name: str) -> Iterator[Finding]:
    try:
        instance = load(name)
    except NoSuchInstance as missing:
        yield bad("instance", f"there is no instance {name!r}", str(missing).partition(": ")[2])
        return
    running = Supervisor(instance).is_running()
    checks: list[Callable[[Instance], Iterator[Finding]]] = [_ports]
    if running:
        checks += [_processes, _migrations, _bridge]
    with ThreadPoolExecutor(len(checks) + 1) as pool:  # each waits for other processes most of the time
        orphans = pool.submit(lambda: list(_orphans(instance, running)))
        results = list(pool.map(lambda check: list(check(instance)), checks))
    yield from orphans.result()
    for findings in results:
        yield from findings
    if not running:
        yield bad("supervisor", "the instance is not running", _command(instance, "up"))


def _orphans(instance: Instance, running: bool) -> Iterator[Finding]:
    orphans = processes.orphans(instance, running)
    if orphans:
        pids = ", ".join(str(process.pid) for process in orphans)
        advice = f"`{_command(instance, 'up')}` or `down` ends them"
        yield bad("orphans", f"left behind by a killed run: {pids}", advice)


def _ports(instance: Instance) -> Iterator[Finding]:
    taken = taken_ports(instance, Supervisor(instance))
    for program, port in taken:
        advice = f"end it, or use another instance (its ports are recorded in {_relative(instance.folder)})"
        yield bad("ports", str(ports.PortTaken(program, port)), advice)
    if not taken:
        yield good("ports", f"no other process uses a port from {instance.block.base} on")


def _processes(instance: Instance) -> Iterator[Finding]:
    report = status(instance)
    rows = report["processes"]
    for row in rows:
        yield from _process(instance, row)
    for group in report["groups"]:
        yield from _group(instance, group)
    if all(row["state"] == "running" and row["health"] != "failing" for row in rows):
        yield good("processes", f"all {len(rows)} servers and services run and are ready")


def _process(instance: Instance, row: dict[str, Any]) -> Iterator[Finding]:
    name, state = row["name"], row["state"]
    logs = _command(instance, f"logs {name}")
    if state != "running":
        end = log_end(instance, row["process"], 3).strip()
        message = f"{name} is {state}" + (f"; its log ends: {end}" if end else "")
        yield bad("processes", message, _command(instance, f"start {name}"))
    elif row["health"] == "failing":
        yield bad("processes", f"{name} runs but is not ready", logs)
    if row["restarts"] > MANY_RESTARTS:
        where = "" if row["process"] == name else f" in the process {row['process']}"
        yield bad("processes", f"{name}{where} was restarted {row['restarts']} times", logs)


def _group(instance: Instance, group: dict[str, Any]) -> Iterator[Finding]:
    name, lag = group["name"], group["hub_lag_s"]
    if group["state"] == "running" and lag is None:
        message = f"the process {name} does not answer: a service in it may block the others"
        yield bad("processes", message, _command(instance, f"restart {name}"))
    elif lag is not None and lag > LONG_LAG_SECONDS:
        message = f"the event loop of the process {name} was blocked for {lag:.1f} s in the last minute"
        advice = f"{_command(instance, f'logs {name} --level warning')} names the handler (hub_blocked)"
        yield bad("processes", message, advice)


def _migrations(instance: Instance) -> Iterator[Finding]:
    result = run_module(instance, "services.chassis.migrations", "--check")
    if result.returncode:
        lines = (result.stdout + result.stderr).strip().splitlines() or ["the check failed without a message"]
        yield bad("migrations", lines[-1], f"`{_command(instance, 'up')}` applies them")
    else:
        yield good("migrations", "all applied")


def _bridge(instance: Instance) -> Iterator[Finding]:
    """The bridge's queue against the limit from which on services keep the events for Kafka in their stores."""
    limit = int(instance.environment().get("ULTRAMARKET_BRIDGE_QUEUE_EVENTS", DEFAULT_LIMIT))
    try:
        connection = connect(instance.url("rabbitmq"))
        try:
            waiting = depth(event_queue(BRIDGE).name, connection.channel())
        finally:
            connection.collect()
    except BROKER_ERRORS:
        return  # the check of the processes says so
    yield bridge_finding(waiting, limit, _command(instance, "status"))


def bridge_finding(waiting: int, limit: int, command: str) -> Finding:
    """A problem from half the limit on: Kafka or the bridge is down, or too slow."""
    message = f"{waiting:,} of {limit:,} events wait for Kafka"
    if waiting * 2 < limit:
        return good("bridge", message)
    return bad("bridge", message, f"`{command}` shows whether kafka and bridge run; no event is lost meanwhile")


def _command(instance: Instance, rest: str) -> str:
    """A command line that can be pasted: it names the instance, so that it reaches no other one."""
    return f"ultramarket --instance {instance.name} {rest}"


def _relative(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
