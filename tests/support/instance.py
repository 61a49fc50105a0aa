"""The processes of the instance under test: list, kill, stop and start them with the `ultramarket` command."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.shop import eventually
from ultramarket.instance import load
from ultramarket.status import status

COMMAND = str(Path(sys.executable).parent / "ultramarket")


class Instance:
    """The instance that `ULTRAMARKET_INSTANCE` names, or another by name."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or os.environ["ULTRAMARKET_INSTANCE"]

    def ultramarket(self, *arguments: str, seconds: float = 1200) -> str:
        """Run `ultramarket` and return its output. Raises when it fails."""
        command = [COMMAND, "--instance", self.name, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ULTRAMARKET_")}
        completed = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=environment, check=False
        )
        assert completed.returncode == 0, f"{' '.join(command)}: {completed.stdout}{completed.stderr}"
        return completed.stdout

    def processes(self) -> dict[str, dict[str, Any]]:
        """All processes by name, as `status --json` lists them; without a process of its own for each look."""
        return {process["name"]: process for process in status(load(self.name))["processes"]}

    def pid(self, name: str) -> int | None:
        pid = self.processes()[name]["pid"]
        return int(pid) if pid else None

    def kill(self, name: str) -> int:
        """`kill -9` a running process and its children, and return its pid.

        Waits for a process that is just being restarted.
        """
        assert eventually(lambda: self.processes()[name]["state"] == "running", every=0.5), f"{name} does not run"
        pid = self.pid(name)
        assert pid is not None
        for child in (*_children(pid), pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return pid

    def wait_until_healthy(self, seconds: float = 600) -> None:
        """Wait until every process has been seen running and healthy.

        Not all in the same look: a busy machine lets one or another health check time out.
        """
        unhealthy: dict[str, tuple[str, str | None]] = {"(not read yet)": ("unknown", None)}
        healthy: set[str] = set()

        def all_healthy() -> bool:
            processes = self.processes()
            healthy.update(name for name, process in processes.items() if is_healthy(process))
            unhealthy.clear()
            unhealthy.update(
                {name: (row["state"], row["health"]) for name, row in processes.items() if name not in healthy}
            )
            return not unhealthy

        assert eventually(all_healthy, seconds, every=1), unhealthy

    def wait_until_unready(self, name: str, seconds: float = 120) -> None:
        """Wait until a process reports that one of its dependencies is down."""
        assert eventually(lambda: self.processes()[name].get("health") == "failing", seconds, every=1), name


def is_healthy(process: dict[str, Any]) -> bool:
    """Whether it runs and its health check, if it has one, succeeds."""
    return process["state"] == "running" and process["health"] in (None, "ok")


def _children(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in children.split()]
