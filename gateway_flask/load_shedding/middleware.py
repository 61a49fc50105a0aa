"""WSGI middleware that admits requests to the application, or refuses them with 503 before any work is done.

Each area of the API (`/api/v1/AREA/…`) has places of its own: when one service is slow, only requests to it wait.
Health, metrics and documentation are always answered.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson
from flask import Flask, request
from prometheus_client import Counter, Gauge

from gateway_flask.load_shedding.admission import Admission, Overloaded
from gateway_flask.middleware.request_context import request_id_of
from gateway_flask.openapi.endpoints import PREFIX
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import ServiceUnavailable

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

RETRY_AFTER: Final = "2"
"""Seconds."""
_ENDPOINT: Final = "ultramarket.endpoint"
"""Key in the WSGI environment: the route that Flask chose."""
_BODY: Final = orjson.dumps(
    {
        "success": False,
        "error": {
            "code": ServiceUnavailable.code,
            "message": "There are too many requests at the moment: try again in a few seconds",
            "details": [],
        },
    }
)

REFUSED: Final = Counter("ultramarket_http_shed_total", "Requests refused because of too many", ["area"])
IN_FLIGHT: Final = Gauge("ultramarket_http_in_flight", "Requests in work", ["area"])
WAITING: Final = Gauge("ultramarket_http_waiting", "Requests that wait for a place", ["area"])
LIMIT: Final = Gauge("ultramarket_http_limit", "Requests that are worked on at once at most", ["area"])


class LoadShedding:
    """The WSGI application behind an `Admission` for each area of the API."""

    def __init__(self, wsgi: Wsgi, app: Flask, settings: GatewaySettings) -> None:
        self._wsgi = wsgi
        app.before_request(_note_endpoint)
        self.areas = {area: _admission(area, settings) for area in _areas(app)}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        admission = self.areas.get(_area_of(environ["PATH_INFO"]))
        if admission is None:
            return self._wsgi(environ, start_response)
        try:
            in_flight = admission.enter()
        except Overloaded:
            return _refuse(environ, start_response)
        status = ""

        def start(line: str, *rest: Any) -> Any:
            nonlocal status
            status = line
            return start_response(line, *rest)

        begun = time.perf_counter()
        try:
            return self._wsgi(environ, start)
        finally:
            # a failure or an unfinished order (202) took as long as a time limit, not as long as the load makes it
            tells = status[:1] in ("2", "3", "4") and not status.startswith("202")
            endpoint, seconds = environ.get(_ENDPOINT) if tells else None, time.perf_counter() - begun
            admission.leave(endpoint, seconds, in_flight, failed=status[:1] not in ("1", "2", "3", "4"))


def _note_endpoint() -> None:
    request.environ[_ENDPOINT] = request.endpoint


def note_endpoint(name: str) -> None:
    """Compare the time of this request with those of others of this name: one route of ours serves many operations."""
    request.environ[_ENDPOINT] = name


def _areas(app: Flask) -> set[str]:
    """The first parts of the paths under `/api/v1`."""
    areas = {_area_of(rule.rule) for rule in app.url_map.iter_rules()}
    return {area for area in areas if area and "." not in area}


def _area_of(path: str) -> str:
    if not path.startswith(f"{PREFIX}/"):
        return "graphql" if path == "/graphql" else ""
    return path[len(PREFIX) + 1 :].partition("/")[0]


def _admission(area: str, settings: GatewaySettings) -> Admission:
    admission = Admission(settings.gateway_threads, settings.gateway_waiting, settings.gateway_wait_seconds)
    REFUSED.labels(area)
    IN_FLIGHT.labels(area).set_function(lambda: admission.in_flight)
    WAITING.labels(area).set_function(lambda: admission.waiting)
    LIMIT.labels(area).set_function(lambda: admission.limit.value)
    return admission


def _refuse(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    REFUSED.labels(_area_of(environ["PATH_INFO"])).inc()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(_BODY))),
        ("Cache-Control", "no-store"),
        ("Retry-After", RETRY_AFTER),
        ("X-Request-Id", request_id_of(environ)),
    ]
    start_response("503 Service Unavailable", headers)
    return [_BODY]
