"""Health and metrics of the bridge, on its own port."""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app

RECORDS = Counter("ultramarket_bridge_records_total", "Records that Kafka has confirmed", ["topic"])
DEAD = Counter("ultramarket_bridge_dead_total", "Messages that could not become a record")
IN_FLIGHT = Gauge("ultramarket_bridge_in_flight", "Events produced and not yet confirmed")
LAG_SECONDS = Histogram(
    "ultramarket_bridge_lag_seconds",
    "From the event's time to Kafka's confirmation",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Health checks are not worth a line."""


def serve(host: str, port: int, states: Callable[[], dict[str, str]]) -> None:
    """Answer `/health/live`, `/health/ready` and `/metrics` in a thread of its own."""
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        dependencies = states() if path in ("/health", "/health/ready") else {}
        ready = all(state == "up" for state in dependencies.values())
        known = path.startswith("/health")
        status = "200 OK" if known and ready else "503 Service Unavailable" if known else "404 Not Found"
        body = {"status": "ready" if ready else "not ready", "service": "bridge", "dependencies": dependencies}
        start_response(status, [("Content-Type", "application/json")])
        return [orjson.dumps(body)]

    server = make_server(host, port, application, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
