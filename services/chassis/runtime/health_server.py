"""Health and metrics endpoint of a process without Nameko, served by a thread."""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import make_wsgi_app


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Health checks are not worth a line."""


def serve(name: str, host: str, port: int, states: Callable[[], dict[str, str]]) -> None:
    """Answer `/health/live`, `/health/ready` and `/metrics`; `states` returns the state of each dependency."""
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return list(metrics(environ, start_response))
        dependencies = states() if path in ("/health", "/health/ready") else {}
        ready = all(state == "up" for state in dependencies.values())
        is_health = path.startswith("/health")
        status = "200 OK" if is_health and ready else "503 Service Unavailable" if is_health else "404 Not Found"
        body = {"status": "ready" if ready else "not ready", "service": name, "dependencies": dependencies}
        start_response(status, [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    server = make_server(host, port, application, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
