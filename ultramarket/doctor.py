"""What may be wrong, from the machine up to the migrations; each finding says what to do."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ultramarket import install, ports, processes
from ultramarket.instance import ROOT, Instance, NoSuchInstance, load
from ultramarket.servers import SERVERS
from ultramarket.status import status
from ultramarket.supervision import Supervisor
from ultramarket.up import log_end, programs_of, run_module

LEAST_DISK: Final = 1_000_000_000
"""RabbitMQ stops taking messages at 200 MB, and a database that can't write stops before."""

Finding = dict[str, Any]


def examine(name: str) -> list[Finding]:
    return [*_machine(), *_instance(name)]


def good(check: str, message: str) -> Finding:
    return {"check": check, "ok": True, "message": message, "advice": None}


def bad(check: str, message: str, advice: str) -> Finding:
    return {"check": check, "ok": False, "message": message, "advice": advice}


def _machine() -> Iterator[Finding]:
    stamp, lock = ROOT / ".venv" / ".locked", ROOT / "requirements" / "dev.txt"
    if stamp.exists() and lock.stat().st_mtime > stamp.stat().st_mtime:
        yield bad("dependencies", "the lock is newer than the environment", "make venv")
    lacking = install.missing(SERVERS)
    if lacking:
        names = ", ".join(item.what for item in lacking)
        packages = " ".join(sorted({package for item in lacking for package in item.apt}))
        advice = "`ultramarket up` installs it" + (f", or: apt-get install {packages}" if packages else "")
        yield bad("packages", f"missing: {names}", advice)
    else:
        yield good("packages", "all servers are installed")
    free = shutil.disk_usage(ROOT).free
    if free < LEAST_DISK:
        yield bad("disk", f"only {free // 1_000_000} MB free at {ROOT}", "free some, or `ultramarket down --wipe`")
    else:
        yield good("disk", f"{free // 1_000_000_000} GB free")


def _instance(name: str) -> Iterator[Finding]:
    try:
        instance = load(name)
    except NoSuchInstance as missing:
        yield bad("instance", f"there is no instance {name!r}", str(missing).partition(": ")[2])
        return
    supervisor = Supervisor(instance)
    running = supervisor.is_running()
    left = processes.orphans(instance, running)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        yield bad(
            "orphans", f"left behind by a killed run: {pids}", f"`{_command(instance, 'up')}` or `down` ends them"
        )
    yield from _ports(instance, supervisor)
    if not running:
        yield bad("supervisor", "the instance doesn't run", _command(instance, "up"))
        return
    yield from _processes(instance)
    yield from _migrations(instance)


def _ports(instance: Instance, supervisor: Supervisor) -> Iterator[Finding]:
    states = supervisor.states()
    ours = {process.pid for process in processes.of(instance)}
    taken = []
    for program in programs_of(instance):
        if states.get(program.name, {}).get("pid"):
            continue
        for port in program.ports:
            if not ports.is_free(port) and ports.owner_of(port) not in ours:
                taken.append(ports.PortTaken(program.name, port))
    for problem in taken:
        yield bad(
            "ports",
            str(problem),
            f"end it, or use another instance (its ports are recorded in {_relative(instance.folder)})",
        )
    if not taken:
        yield good("ports", f"{instance.block.base} and following are ours")


def _processes(instance: Instance) -> Iterator[Finding]:
    found = status(instance)["processes"]
    for process in found:
        name, state = process["name"], process["state"]
        if state != "running":
            end = log_end(instance, name, 3).strip()
            yield bad(
                "processes",
                f"{name} is {state}" + (f"; its log ends: {end}" if end else ""),
                _command(instance, f"start {name}"),
            )
        elif process["health"] == "failing":
            yield bad("processes", f"{name} runs but isn't ready", _command(instance, f"logs {name}"))
        if process["restarts"] > 3:
            yield bad(
                "processes", f"{name} was restarted {process['restarts']} times", _command(instance, f"logs {name}")
            )
    if all(process["state"] == "running" and process["health"] != "failing" for process in found):
        yield good("processes", f"all {len(found)} run and are ready")


def _migrations(instance: Instance) -> Iterator[Finding]:
    done = run_module(instance, "services.chassis.migrations", "--check")
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["it says nothing"]
        yield bad("migrations", lines[-1], f"`{_command(instance, 'up')}` applies them")
    else:
        yield good("migrations", "all applied")


def _command(instance: Instance, rest: str) -> str:
    """To be typed as it stands: what is advised for this instance must not reach another one."""
    return f"ultramarket --instance {instance.name} {rest}"


def _relative(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
