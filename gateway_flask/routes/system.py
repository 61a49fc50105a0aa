"""Health, metrics and public keys, outside of `/api/v1`."""

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway_flask.http.envelope import reply
from gateway_flask.rpc import readiness
from gateway_flask.rpc.calls import call
from schemas.rpc.auth import AuthRpc


def live() -> Response:
    """Get the liveness of the gateway process."""
    return reply({"status": "live", "service": "gateway"}, 200)


def ready() -> Response:
    """Get the health of the system, with the state of each dependency."""
    states = readiness.check()
    fine = all(state == "up" for name, state in states.items() if name not in readiness.OPTIONAL)
    body = {"status": "ready" if fine else "not ready", "service": "gateway", "dependencies": states}
    return reply(body, 200 if fine else 503, None if fine else {"Retry-After": "2"})


def metrics() -> Response:
    """Get the metrics in Prometheus' text format."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def jwks() -> Response:
    """Get the public keys of access tokens (RFC 7517)."""
    return reply(call(AuthRpc.jwks).json, 200, {"Cache-Control": "public, max-age=300"})


def install(app: Flask) -> None:
    """Add the routes."""
    app.add_url_rule("/health", "health", ready)
    app.add_url_rule("/health/ready", "health_ready", ready)
    app.add_url_rule("/health/live", "health_live", live)
    app.add_url_rule("/metrics", "metrics", metrics)
    app.add_url_rule("/.well-known/jwks.json", "jwks_root", jwks)
    app.add_url_rule("/api/v1/.well-known/jwks.json", "jwks", jwks)
