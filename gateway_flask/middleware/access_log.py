"""Access log and request metrics."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
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

_observer: Final = lru_cache(maxsize=2048)(SECONDS.labels)
"""Cached label lookup: the library formats all labels and takes a lock at each."""


def _logger() -> Callable[..., None]:
    """A logger without the search for secrets: access log fields hold none."""
    write = structlog.BytesLogger(sys.stdout.buffer).msg

    def write_line(event: str, **fields: Any) -> None:
        at = f"{datetime.now(UTC).isoformat(timespec='microseconds')[:26]}Z"
        write(orjson.dumps({"event": event, "level": "info", "process": "gateway", **fields, "timestamp": at}))

    return write_line


def _nothing(*_: Any, **__: Any) -> None:
    """The logger while the log level is above INFO."""


class AccessLog:
    """Logs and measures requests."""

    def __init__(self, enabled: bool) -> None:
        self._write_line = _logger() if enabled else _nothing

    def record(
        self, environ: dict[str, Any], route: str, status: int, started: float, request_id: str, user_id: str | None
    ) -> None:
        """Record a request that began at `started` (`time.perf_counter`) and was answered now."""
        took = time.perf_counter() - started
        method = environ["REQUEST_METHOD"]
        _observer(method, route, status).observe(took)
        with suppress(OSError):  # a closed log must not cost the client its reply
            self._write_line(
                "request",
                request_id=request_id,
                user_id=user_id,
                address=environ.get("REMOTE_ADDR"),
                method=method,
                route=route,
                path=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
                status=status,
                ms=round(took * 1000, 2),
            )


def install(app: Flask, enabled: bool = True) -> None:
    """Log and measure every request, and set `X-Request-Id` on every reply."""
    log = app.extensions["access_log"] = AccessLog(enabled)

    def record(response: Response) -> Response:
        visit = g.request_context
        response.headers["X-Request-Id"] = visit.request_id
        rule = request.url_rule
        route = rule.rule if rule is not None else "none"
        log.record(request.environ, route, response.status_code, visit.started, visit.request_id, visit.caller.user_id)
        return response

    app.after_request(record)
