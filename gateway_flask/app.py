"""The Flask application, put together."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any, Final

import redis
from flask_openapi3 import OpenAPI
from werkzeug.routing import Map

from gateway_flask import routes
from gateway_flask.caching.early_replies import EarlyReplies
from gateway_flask.caching.follower import InvalidationFollower
from gateway_flask.caching.invalidations import Invalidations
from gateway_flask.caching.reply_cache import ReplyCache
from gateway_flask.caching.shared_replies import SharedReplies
from gateway_flask.graphql import http as graphql_http
from gateway_flask.http import errors, event_streams, file_streaming
from gateway_flask.load_shedding.middleware import LoadShedding
from gateway_flask.middleware import (
    access_log,
    api_keys,
    authentication,
    rate_limits,
    reply_store,
    request_context,
    revocations,
    tracing,
)
from gateway_flask.middleware.client_address import ClientAddress
from gateway_flask.middleware.cors import Cors
from gateway_flask.middleware.security_headers import SecurityHeaders
from gateway_flask.openapi import event_schemas, pages
from gateway_flask.rpc import calls, gathered_calls
from gateway_flask.settings import GatewaySettings, comma_separated
from services.chassis.dynamic_config import config
from services.chassis.observability import logs
from services.chassis.runtime import memory
from services.chassis.runtime.registry import GATEWAY
from services.chassis.runtime.settings import load

MAIN_PID: Final = "ULTRAMARKET_GATEWAY_MAIN_PID"
"""Environment variable with the pid of granian's main process, for its workers."""
CONFIG_SECONDS: Final = 1.0
"""Seconds to wait at start for the current flags; without config the last snapshot is used."""
REVOCATIONS_SECONDS: Final = 2.0
"""Seconds to wait at start for the list of revoked sessions."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2)."""


def create_app(
    settings: GatewaySettings, client: calls.Client | None = None, store: "redis.Redis | None" = None
) -> OpenAPI:
    """Make the application. Tests bring their own RPC client and Redis; without them it connects at first use."""
    app = pages.application(__name__)
    app.config.update(MAX_CONTENT_LENGTH=settings.max_body_bytes, MAX_FORM_MEMORY_SIZE=settings.max_body_bytes)
    _plain_urls(app.url_map)
    app.ensure_sync = lambda func: func  # type: ignore[method-assign] # nothing here is async; Flask asks four times a request
    app.before_request(request_context.begin)
    tracing.install(app, settings.otlp_endpoint)
    access_log.install(app, enabled=settings.log_level in ("DEBUG", "INFO"))
    app.after_request(rate_limits.tell)
    errors.install(app)
    calls.install(app, settings.amqp_url, settings.rpc_deadline, client)
    gathered_calls.install(app, settings.rpc_deadline)
    authentication.install(app)
    revocations.install(app)
    app.extensions["api_keys"] = api_keys.ApiKeys()
    rate_limits.install(app, settings)
    file_streaming.install(app, settings)
    event_streams.install(app, settings)
    keep_ms = settings.idempotency_hours * 3_600_000
    app.extensions["settings"] = settings
    app.extensions["redis"] = store if store is not None else reply_store.connect(settings.redis_url)
    app.extensions["reply_cache"] = _reply_cache(settings, app.extensions["redis"])
    app.extensions["replies"] = reply_store.ReplyStore(app.extensions["redis"], keep_ms, settings.secret)
    app.extensions["secret"] = settings.secret
    routes.install(app)
    graphql_http.install(app, settings)
    pages.install(app)
    event_schemas.install(app)
    return app


def _reply_cache(settings: GatewaySettings, store: "redis.Redis") -> ReplyCache:
    """The cache of replies. It is not in use before its events are followed."""
    shared = SharedReplies(store) if settings.reply_cache_shared else None
    return ReplyCache(settings.reply_cache_bytes, settings.reply_cache_seconds, Invalidations(), shared)


def _plain_urls(urls: Map) -> None:
    """Match paths exactly: no redirects for slashes."""
    urls.strict_slashes = False
    urls.merge_slashes = False


def main() -> Any:
    """The WSGI application of one process, as granian asks for it."""
    _die_with_parent()
    settings = load(GatewaySettings, GATEWAY)
    logs.configure("gateway", settings.log_level)
    config.follow(settings.amqp_url, os.environ.get("ULTRAMARKET_HOME")).wait(CONFIG_SECONDS)
    app = create_app(settings)
    revocations.follow(app, settings).current.wait(REVOCATIONS_SECONDS)
    if settings.reply_cache_bytes:
        InvalidationFollower(app.extensions["reply_cache"].invalidations, settings.amqp_url).start()
    answer = edge(cached(LoadShedding(whole(app), app, settings), app, settings), settings)
    memory.settle()
    return answer


def cached(wsgi: Any, app: OpenAPI, settings: GatewaySettings) -> Any:
    """Send cached replies before the request reaches the application; not where each request has its span."""
    return wsgi if settings.otlp_endpoint or not settings.reply_cache_bytes else EarlyReplies(wsgi, app)


def edge(wsgi: Any, settings: GatewaySettings) -> Any:
    """Middleware of every request, refused ones included: the client's address, CORS, security headers."""
    if origins := comma_separated(settings.cors_origins):
        wsgi = Cors(wsgi, origins, settings.cors_credentials, settings.cors_max_age)
    return ClientAddress(SecurityHeaders(wsgi), settings.gateway_proxies)


def _die_with_parent() -> None:
    """Have the kernel end this worker when granian's main process is killed: an orphan would keep half of the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ.get(MAIN_PID, os.getppid())):
            raise SystemExit("the main process is gone")


def whole(app: OpenAPI) -> Any:
    """Hand each reply to the server in one piece: it then writes it in one go. Files are streams and stay so."""
    wsgi = app.wsgi_app

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chunks = wsgi(environ, start_response)
        if file_streaming.STREAMS in environ:
            return chunks
        try:
            return list(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()

    return answer
