"""Cost of work: CPU seconds and memory of each process of an instance, and of the load generator."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

GENERATOR = "generator"


def processes(instance: str) -> list[dict[str, Any]]:
    """The processes that `ultramarket status --json` lists."""
    command = [str(Path(sys.executable).parent / "ultramarket"), "--instance", instance, "status", "--json"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    processes: list[dict[str, Any]] = json.loads(listed.stdout)["processes"]
    return processes


def cpu_seconds(listed: list[dict[str, Any]]) -> dict[str, float]:
    """CPU seconds that each process has used so far, its children included; services of one process count once."""
    trees = _Trees()
    used = {process_of(each): trees.seconds(each["pid"]) for each in listed if each["pid"]}
    return used | {GENERATOR: time.process_time()}


def process_of(row: dict[str, Any]) -> str:
    """The process of a row of the status: several services share one in the layout `compact`."""
    return str(row.get("process") or row["name"])


def tree_seconds(pid: int) -> float:
    """CPU seconds of a process, of its children, and of those that have ended."""
    return _Trees().seconds(pid)


class _Trees:
    """All processes of the machine, read once: to look for each one's children costs as much."""

    def __init__(self) -> None:
        self._times: dict[int, Any] = {}
        self._children: dict[int, list[int]] = {}
        for process in psutil.process_iter(["ppid", "cpu_times"]):
            if process.info["cpu_times"] is not None:
                self._times[process.pid] = process.info["cpu_times"]
                self._children.setdefault(process.info["ppid"], []).append(process.pid)

    def seconds(self, pid: int) -> float:
        """CPU seconds of a tree; 0 when it has ended."""
        if pid not in self._times:
            return 0.0
        root = self._times[pid]
        return root.children_user + root.children_system + self._living(pid)

    def _living(self, pid: int) -> float:
        times = self._times[pid]
        return float(times.user + times.system + sum(map(self._living, self._children.get(pid, ()))))


def spent(before: dict[str, float], after: dict[str, float], operations: int) -> dict[str, float]:
    """CPU seconds per 1,000 operations of each process that used any."""
    if not operations:
        return {}
    per_thousand = {name: 1000 * (after[name] - before.get(name, 0.0)) / operations for name in after}
    return {name: round(value, 3) for name, value in per_thousand.items() if value >= 0.005}


def memory(listed: list[dict[str, Any]]) -> dict[str, float]:
    """Proportional set size of each process, MB."""
    sizes: dict[str, float] = {}
    for each in listed:
        if each["pss_mb"] is not None:
            sizes[process_of(each)] = sizes.get(process_of(each), 0) + each["pss_mb"]
    return sizes


def machine() -> dict[str, Any]:
    """The machine that was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "load_before": os.getloadavg()[0],
    }
