"""One line and one measurement for each request."""

import time
from typing import Final

import structlog
from flask import Flask, Response, g, request
from prometheus_client import Histogram

log = structlog.get_logger()

SECONDS: Final = Histogram(
    "ultramarket_http_seconds",
    "Time to answer a request",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def record(response: Response) -> Response:
    """After a request: say how it went, and give the reply its request id."""
    visit = g.visit
    response.headers["X-Request-Id"] = visit.request_id
    took = time.perf_counter() - visit.started
    rule = request.url_rule
    route = rule.rule if rule is not None else "none"
    SECONDS.labels(request.method, route, response.status_code).observe(took)
    log.info(
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


def install(app: Flask) -> None:
    """Record every request of the app."""
    app.after_request(record)
