"""Processes by their mark: everything that an instance started carries its folder in the environment.

So `up`, `down` and `doctor` find what a killed supervisord left behind, and end exactly that.
"""

import os
import time
from contextlib import suppress
from typing import Final

import psutil

from ultramarket.instance import Instance

SUPERVISED: Final = b"SUPERVISOR_ENABLED=1"
"""supervisord sets it in its children: a shell that only exported our settings doesn't have it."""


def of(instance: Instance) -> list[psutil.Process]:
    """Every living process of the instance: supervisord itself and what it or its like started."""
    mark = f"ULTRAMARKET_HOME={instance.folder}".encode()
    config = str(instance.folder / "supervisord.conf")
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123 - one open per process of the machine
                variables = file.read().split(b"\0")
            if mark in variables and (SUPERVISED in variables or config in process.cmdline()):
                found.append(process)
    return found


def end(processes: list[psutil.Process], seconds: float = 15) -> None:
    """Ask them to end, then make them."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=seconds)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)


def orphans(instance: Instance, supervisor_runs: bool) -> list[psutil.Process]:
    """Processes of the instance that no living supervisord of it looks after."""
    processes = of(instance)
    if not supervisor_runs:
        return processes
    config = str(instance.folder / "supervisord.conf")
    kept: set[int] = set()
    for process in processes:
        with suppress(psutil.Error):
            if config in process.cmdline():
                kept |= {process.pid, *(child.pid for child in process.children(recursive=True))}
    return [process for process in processes if process.pid not in kept]


def end_leftovers(instance: Instance, supervisor_runs: bool) -> list[int]:
    """End the orphans; children that lose their mark (PostgreSQL's) follow their parents. The pids that were ended."""
    left = orphans(instance, supervisor_runs)
    if left:
        end(left)
        time.sleep(0.1)
    return [process.pid for process in left]
