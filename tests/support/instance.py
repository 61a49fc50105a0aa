"""The processes of the instance under test: found, killed, stopped and started as an operator would."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.shop import eventually

COMMAND = str(Path(sys.executable).parent / "ultramarket")


class Instance:
    """The one that `ULTRAMARKET_INSTANCE` names, or another by name."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or os.environ["ULTRAMARKET_INSTANCE"]

    def ultramarket(self, *arguments: str, seconds: float = 1200) -> str:
        """The command's output. Raises when it fails."""
        command = [COMMAND, "--instance", self.name, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ULTRAMARKET_")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def processes(self) -> dict[str, dict[str, Any]]:
        """Every process by its name, as `status --json` says."""
        command = [COMMAND, "--instance", self.name, "status", "--json"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return {process["name"]: process for process in json.loads(listed.stdout)["processes"]}

    def pid(self, name: str) -> int | None:
        pid = self.processes()[name]["pid"]
        return int(pid) if pid else None

    def kill(self, name: str) -> int:
        """`kill -9` of a running process and its children: whatever it was doing stays half done. Its pid.

        One that is just being started again is waited for.
        """
        assert eventually(lambda: self.processes()[name]["state"] == "running", every=0.5), f"{name} does not run"
        pid = self.pid(name)
        assert pid is not None
        for victim in (*_children(pid), pid):
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        return pid

    def wait_until_healthy(self, seconds: float = 600) -> None:
        """Every process runs and says that it is well."""
        last: dict[str, Any] = {}

        def healthy() -> bool:
            last.update(self.processes())
            return all(each["state"] == "running" and (each.get("health") or "ok") == "ok" for each in last.values())

        assert eventually(healthy, seconds, every=1), {
            name: (each["state"], each.get("health")) for name, each in last.items()
        }

    def wait_until_unready(self, name: str, seconds: float = 120) -> None:
        """One process says that something which it needs is away."""
        assert eventually(lambda: self.processes()[name].get("health") == "failing", seconds, every=1), name


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in listed.split()]
