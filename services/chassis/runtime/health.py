"""`/health/live`, `/health/ready` and `/metrics` on the service's own port.

An extension with a `prefix` and a WSGI application `wsgi` answers below that prefix on the same port.
"""

import socket
from collections.abc import Callable, Iterable
from typing import Any

import eventlet
import eventlet.wsgi
import orjson
from nameko.containers import ServiceContainer
from nameko.messaging import QueueConsumer
from prometheus_client import make_wsgi_app

from services.chassis.observability import queue_depth
from services.chassis.runtime.service_host import RUNNING, ServiceHost

CHECK_SECONDS = 2

_metrics = make_wsgi_app()


def serve_health(service: ServiceHost, address: str, port: int) -> None:
    """Listen on the port and answer for as long as the process lives. Raises `OSError` when the port is taken."""
    listener = eventlet.listen((address, port), reuse_port=False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are written one after the other
    eventlet.spawn_n(eventlet.wsgi.server, listener, _application(service), log_output=False, debug=False)


def _application(service: ServiceHost) -> Callable[..., Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        container = service.container if service.state == RUNNING else None
        for extension in container.extensions if container else ():
            prefix = getattr(extension, "prefix", None)
            if prefix and (path == prefix or path.startswith(f"{prefix}/")):
                answered: Iterable[bytes] = extension.wsgi(environ, start_response)
                return answered
        if path == "/metrics":
            if container is not None:
                queue_depth.measure(container)
            return list(_metrics(environ, start_response))
        body: dict[str, Any]
        if path == "/health/live":
            status, body = "200 OK", {"status": "live", "service": service.name}
        elif path in ("/health", "/health/ready"):
            dependencies = check(container) if container else {"started": service.state}
            ready = all(state == "up" for state in dependencies.values())
            status = "200 OK" if ready else "503 Service Unavailable"
            body = {
                "status": "ready" if ready else "not ready",
                "service": service.name,
                "dependencies": dependencies,
            }
        else:
            status, body = "404 Not Found", {"status": "not found"}
        start_response(status, [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    return application


def check(container: ServiceContainer) -> dict[str, str]:
    """The state of each server that the service needs: `up`, or the error."""
    states: dict[str, str] = {"started": "up" if container.started else "starting"}
    for extension in container.extensions:
        if isinstance(extension, QueueConsumer):
            ready = extension._consumers_ready.ready() and extension._gt is not None and not extension._gt.dead
            states["rabbitmq"] = "up" if ready and getattr(extension, "connected", True) else "down"
        ping = getattr(extension, "ping", None)
        if ping is not None:
            states[extension.kind] = _outcome(ping)
    return states


def _outcome(ping: Callable[[], object]) -> str:
    with eventlet.Timeout(CHECK_SECONDS, False):
        try:
            ping()
        except Exception as error:  # any error is the state that health reports
            return f"down: {type(error).__name__}"
        return "up"
    return "down: no answer"
