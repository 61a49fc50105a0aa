"""One line and one measurement for each request."""

import sys
import time
from contextlib import suppress
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, g, request
from prometheus_client import Histogram

SECONDS: Final = Histogram(
    "ultramarket_http_seconds",
    "Time to answer a request",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def _write(*, event: str, **fields: Any) -> bytes:
    return orjson.dumps({"event": event, "level": "info", "process": "gateway", **fields})


def _logger() -> Any:
    """A short way to the log: what is said of a request is known to hold no secret, so nothing looks for one."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    renderer = structlog.processors.JSONRenderer(serializer=lambda fields, **_: _write(**fields))
    return structlog.wrap_logger(
        structlog.BytesLogger(sys.stdout.buffer),
        processors=[stamp, renderer],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=True,
    ).bind()


def _nothing(*_: Any, **__: Any) -> None:
    """What is said of a request when the log level is above it."""


def install(app: Flask, enabled: bool = True) -> None:
    """Record every request of the app, and give each reply its request id."""
    say = _logger().info if enabled else _nothing

    def record(response: Response) -> Response:
        visit = g.visit
        response.headers["X-Request-Id"] = visit.request_id
        took = time.perf_counter() - visit.started
        rule = request.url_rule
        route = rule.rule if rule is not None else "none"
        SECONDS.labels(request.method, route, response.status_code).observe(took)
        with suppress(OSError):  # when nobody reads our log any more, the customer still gets the reply
            say(
                "request",
                request_id=visit.request_id,
                user_id=visit.caller.user_id,
                method=request.method,
                route=route,
                path=request.path,
                status=response.status_code,
                ms=round(took * 1000, 2),
            )
        return response

    app.after_request(record)
