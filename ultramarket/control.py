"""Client of the control socket of a process that runs services: state, stop and start of each."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from ultramarket.instance import Instance
from ultramarket.sockets import control_socket

STATE_SECONDS = 2
CHANGE_SECONDS = 30
"""A stop waits up to 10 s for running requests; a start connects to the stores."""


class Unresponsive(Exception):
    """The process does not answer on its control socket."""

    def __init__(self, process: str) -> None:
        super().__init__(f"the process {process} does not answer: `ultramarket restart {process}` restarts it")


def state(instance: Instance, process: str) -> dict[str, Any] | None:
    """`{"hub_lag_seconds", "services": {name: {"state", "restarts"}}}`; None when the process does not answer."""
    try:
        return _request(instance, process, "GET", "/", STATE_SECONDS)
    except Unresponsive:
        return None


def change(instance: Instance, process: str, service: str, action: str) -> dict[str, Any]:
    """`start` or `stop` one service of a running process; its state afterwards. Raises `Unresponsive`."""
    return _request(instance, process, "POST", f"/{service}/{action}", CHANGE_SECONDS)


def forget_stopped(instance: Instance, process: str, *services: str) -> None:
    """Have the services started with the process, although they were stopped (all of them when none is named)."""
    file = control_socket(instance, process).with_suffix(".stopped")
    if file.exists():
        remaining = set(json.loads(file.read_text())) - set(services) if services else set()
        file.write_text(json.dumps(sorted(remaining)))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _request(instance: Instance, process: str, method: str, path: str, seconds: float) -> dict[str, Any]:
    connection = _UnixConnection(control_socket(instance, process), seconds)
    try:
        connection.request(method, path)
        body: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Unresponsive(process) from error
    finally:
        connection.close()
    return body
