"""State of every server and service of an instance, from supervisord, the kernel and the processes themselves."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import psutil

from ultramarket import control, health
from ultramarket.instance import Instance
from ultramarket.programs import Program, service_programs
from ultramarket.servers import Server, local
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
"""supervisord's states and ours. An exited process is about to be restarted."""

MEGABYTE: Final = 1024 * 1024

Row = dict[str, Any]


def status(instance: Instance) -> dict[str, Any]:
    """`processes`: a row for each server and service; `groups`: the processes that several services share."""
    supervisor = Supervisor(instance)
    states = supervisor.states()
    restarts = supervisor.restarts() if states else {}
    servers = {server.name: server for server in local(instance)}
    programs = [program for server in servers.values() for program in server.programs(instance)]
    programs += service_programs(instance)

    def read(program: Program) -> tuple[list[Row], list[Row]]:
        process = describe(program, states.get(program.name, {}), restarts.get(program.name, 0))
        if program.kind == "server":
            return [process | {"health": _server_health(instance, servers, process)}], []
        shared = len(program.services) > 1
        reply = control.state(instance, program.name) if shared and process["pid"] else None
        return service_rows(program, process, reply or {}), [group(program, process, reply or {})] * shared

    with ThreadPoolExecutor(len(programs)) as pool:
        results = list(pool.map(read, programs))
    return {
        "instance": instance.name,
        "processes": [row for rows, _ in results for row in rows],
        "groups": [row for _, groups in results for row in groups],
    }


def describe(program: Program, info: dict[str, Any], restarts: int) -> Row:
    """The row of a process, from supervisord's information on it (empty while no supervisord runs)."""
    pid = info.get("pid") or None
    rss, pss = _memory(pid) if pid else (None, None)
    return {
        "name": program.name,
        "kind": program.kind,
        "process": program.name,
        "pid": pid,
        "ports": list(program.ports),
        "state": STATES.get(info.get("statename", "STOPPED"), "failed"),
        "restarts": restarts,
        "rss_mb": rss,
        "pss_mb": pss,
        "uptime_s": round(time.time() - info["start"], 1) if pid else None,
        "health": None,
    }


def service_rows(program: Program, process: Row, reply: dict[str, Any]) -> list[Row]:
    """A row for each service of a process, from the reply of its control socket (empty without one).

    The memory of the process is divided in equal parts, so that the rows can be summed.
    """
    rows = []
    for service, port in zip(program.services, program.ports, strict=True):
        details = reply.get("services", {}).get(service, {})
        row = process | {
            "name": service,
            "ports": [port],
            "restarts": process["restarts"] + details.get("restarts", 0),
            "rss_mb": _part(process["rss_mb"], len(program.services)),
            "pss_mb": _part(process["pss_mb"], len(program.services)),
        }
        if details.get("state") == "stopped":
            row |= {"state": "stopped", "pid": None, "uptime_s": None}
        elif row["pid"]:
            row["health"] = _service_health(port)
        rows.append(row)
    return rows


def group(program: Program, process: Row, reply: dict[str, Any]) -> Row:
    """The row of a process that several services share."""
    names = ("name", "pid", "state", "restarts", "rss_mb", "pss_mb", "uptime_s")
    return {
        **{name: process[name] for name in names},
        "hub_lag_s": reply.get("hub_lag_seconds"),
        "services": list(program.services),
    }


def _part(value: float | None, parts: int) -> float | None:
    return None if value is None else round(value / parts, 1)


def _service_health(port: int) -> str:
    reply = health.ready(port)
    return "ok" if reply and reply["ok"] else "failing"


def _server_health(instance: Instance, servers: dict[str, Server], row: Row) -> str | None:
    if not row["pid"] or row["name"] not in servers:
        return None
    return "ok" if servers[row["name"]].is_ready(instance) else "failing"


def _memory(pid: int) -> tuple[float | None, float | None]:
    """RSS and PSS in MB of a process with its children. PSS counts shared pages once, so it can be summed."""
    rss = pss = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                memory = member.memory_full_info()
                rss += memory.rss
                pss += memory.pss
    return (round(rss / MEGABYTE, 1), round(pss / MEGABYTE, 1)) if rss else (None, None)
