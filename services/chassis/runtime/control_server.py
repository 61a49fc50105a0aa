"""Control socket of a process: state, start and stop of its services, for `ultramarket` on the same machine.

HTTP on a Unix socket that only its owner may use. `GET /`: the state of all; `POST /SERVICE/start`, `/SERVICE/stop`.
"""

import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import eventlet
import eventlet.wsgi
import orjson

from services.chassis.runtime.hub_monitor import HubMonitor
from services.chassis.runtime.service_process import ServiceProcess


def serve_control(path: Path, process: ServiceProcess, monitor: HubMonitor) -> None:
    """Listen on the socket for as long as the process lives."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = eventlet.listen(str(path), family=socket.AF_UNIX)
    path.chmod(0o600)
    eventlet.spawn_n(eventlet.wsgi.server, listener, application(process, monitor), log_output=False, debug=False)


def application(process: ServiceProcess, monitor: HubMonitor) -> Callable[..., Iterable[bytes]]:
    """The WSGI application of the socket."""

    def control(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, body = _reply(process, monitor, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        start_response(status, [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    return control


def _reply(process: ServiceProcess, monitor: HubMonitor, method: str, path: str) -> tuple[str, dict[str, Any]]:
    if (method, path) == ("GET", "/"):
        services = {name: {"state": host.state, "restarts": host.restarts} for name, host in process.hosts.items()}
        return "200 OK", {"hub_lag_seconds": round(monitor.longest_lag(), 3), "services": services}
    service, _, action = path.strip("/").partition("/")
    actions = {"start": process.start_service, "stop": process.stop_service}
    if method != "POST" or service not in process.hosts or action not in actions:
        return "404 Not Found", {"error": "not found"}
    return "200 OK", {"service": service, "state": actions[action](service)}
