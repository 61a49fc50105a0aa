"""Processes of services that are forked from one process which has imported the chassis.

Importing it takes a process two seconds, longer than most of the tests that start one. `python -m
tests.support.process_template` is that process: it reads a request from each line of its input and writes the pid.
"""

import ctypes
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PR_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2): the processes that the template starts become children of this one, which can then wait for them."""


class ForkedProcess:
    """A started process, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class ProcessTemplate:
    """Starts processes as `python -m MODULE ARGUMENTS…` would."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._template = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, module: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> ForkedProcess:
        """Start a process; its output is appended to `log`."""
        assert self._template.stdin is not None
        assert self._template.stdout is not None
        request = {"module": module, "arguments": arguments, "environment": dict(environment), "log": str(log)}
        self._template.stdin.write(json.dumps(request) + "\n")
        self._template.stdin.flush()
        return ForkedProcess(int(self._template.stdout.readline()))

    def close(self) -> None:
        self._template.communicate(timeout=30)


def main() -> None:
    """Fork a process for each line, until there are no more."""
    import services.chassis.runtime.monkey_patch  # noqa: I001 - before everything else
    import services.chassis.messaging.batches
    import services.chassis.runtime.runner
    import services.chassis.stores.postgres  # noqa: F401

    while line := sys.stdin.readline():
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            if (grandchild := os.fork()) == 0:
                return _run(**json.loads(line))
            os.write(writing, str(grandchild).encode())
            os._exit(0)
        os.waitpid(child, 0)  # from now on the new process is a child of whoever asked for it
        sys.stdout.write(os.read(reading, 20).decode() + "\n")
        sys.stdout.flush()
        os.close(reading)
        os.close(writing)
    return None


def _run(module: str, arguments: list[str], environment: dict[str, str], log: str) -> None:
    """Run the module in this new process."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
