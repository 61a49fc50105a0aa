"""How each process of an instance is (DESIGN.md §7), from supervisord, the kernel and the processes themselves."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import psutil

from ultramarket import health
from ultramarket.instance import Instance
from ultramarket.programs import Program, service_programs
from ultramarket.servers import local
from ultramarket.supervision import Supervisor

STATES: Final = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "starting",
    "EXITED": "starting",
    "STOPPED": "stopped",
    "STOPPING": "stopped",
    "FATAL": "failed",
    "UNKNOWN": "failed",
}
"""supervisord's states in our words. An exited process is about to be started again."""

MEGABYTE: Final = 1024 * 1024


def status(instance: Instance) -> dict[str, Any]:
    supervisor = Supervisor(instance)
    states = supervisor.states()
    restarts = supervisor.restarts() if states else {}
    servers = {server.name: server for server in local(instance)}
    programs = [program for server in servers.values() for program in server.programs(instance)]
    programs += service_programs(instance)

    def one(program: Program) -> dict[str, Any]:
        info = states.get(program.name, {})
        entry = describe(program, info, restarts.get(program.name, 0))
        if entry["pid"]:
            if program.kind == "service":
                entry["health"] = _service_health(program.ports[0])
            elif program.name in servers:
                entry["health"] = "ok" if servers[program.name].is_ready(instance) else "failing"
        return entry

    with ThreadPoolExecutor(len(programs)) as pool:
        return {"instance": instance.name, "processes": list(pool.map(one, programs))}


def describe(program: Program, info: dict[str, Any], restarts: int) -> dict[str, Any]:
    """One row, from supervisord's word on the program (nothing, while no supervisord runs)."""
    state = STATES.get(info.get("statename", "STOPPED"), "failed")
    pid = info.get("pid") or None
    rss, pss = _memory(pid) if pid else (None, None)
    return {
        "name": program.name,
        "kind": program.kind,
        "pid": pid,
        "ports": list(program.ports),
        "state": state,
        "restarts": restarts,
        "rss_mb": rss,
        "pss_mb": pss,
        "uptime_s": round(time.time() - info["start"], 1) if pid else None,
        "health": None,
    }


def _service_health(port: int) -> str:
    reply = health.ready(port)
    return "ok" if reply and reply["ok"] else "failing"


def _memory(pid: int) -> tuple[float | None, float | None]:
    """RSS and PSS in MB of a process with its children. PSS counts shared pages once, so that it may be summed."""
    rss = pss = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                memory = one.memory_full_info()
                rss += memory.rss
                pss += memory.pss
    return (round(rss / MEGABYTE, 1), round(pss / MEGABYTE, 1)) if rss else (None, None)
