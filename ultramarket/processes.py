"""Operating system processes of an instance, recognised by its folder in their environment.

`up`, `down` and `doctor` find with it what a killed supervisord left behind, and end exactly those processes.
"""

import os
import time
from contextlib import suppress
from typing import Final

import psutil

from ultramarket.instance import Instance

SUPERVISED: Final = b"SUPERVISOR_ENABLED=1"
"""supervisord sets it in its children; a shell that exported our settings does not have it."""


def of(instance: Instance) -> list[psutil.Process]:
    """All running processes of the instance: supervisord and its children, also of an earlier supervisord."""
    mark = f"ULTRAMARKET_HOME={instance.folder}".encode()
    config = str(instance.folder / "supervisord.conf")
    matching = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if is_nginx(process, instance):
                matching.append(process)
                continue
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123 - one open per process of the machine
                variables = file.read().split(b"\0")
            if mark in variables and (SUPERVISED in variables or config in process.cmdline()):
                matching.append(process)
    return matching


def is_nginx(process: psutil.Process, instance: Instance) -> bool:
    """Whether it is a process of the instance's nginx: they overwrite their environment with their title."""
    return process.name() == "nginx" and process.cwd() == str(instance.folder / "nginx")


def end(processes: list[psutil.Process], seconds: float = 15) -> None:
    """Send SIGTERM, then SIGKILL to those that have not ended in time."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, remaining = psutil.wait_procs(processes, timeout=seconds)
    for process in remaining:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(remaining, timeout=5)


def orphans(instance: Instance, supervisor_runs: bool) -> list[psutil.Process]:
    """Processes of the instance that no running supervisord supervises."""
    processes = of(instance)
    if not supervisor_runs:
        return processes
    config = str(instance.folder / "supervisord.conf")
    supervised: set[int] = set()
    for process in processes:
        with suppress(psutil.Error):
            if config in process.cmdline():
                supervised |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return [process for process in processes if process.pid not in supervised]


def end_leftovers(instance: Instance, supervisor_runs: bool) -> list[int]:
    """End the orphans and return their pids. Children without our environment (PostgreSQL's) end with their parents."""
    left = orphans(instance, supervisor_runs)
    if left:
        end(left)
        time.sleep(0.1)
    return [process.pid for process in left]
