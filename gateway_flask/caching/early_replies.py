"""WSGI middleware that sends cached replies to guests, before load shedding and Flask.

A hit takes no place of the load shedding: it calls nobody. It counts as a read of its address, and is logged and
measured as every request.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Flask

from gateway_flask.caching.cached_reply import CachedReply
from gateway_flask.caching.cached_routes import CREDENTIALS, FOR_NGINX, key_of
from gateway_flask.caching.reply_cache import ReplyCache
from gateway_flask.middleware.access_log import AccessLog
from gateway_flask.middleware.client_address import network_of
from gateway_flask.middleware.rate_limits import READS, Limits, headers_of
from gateway_flask.middleware.request_context import request_id_of

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_OK: Final = "200 OK"
_NOT_MODIFIED: Final = "304 NOT MODIFIED"
_AUTHORIZATION, _API_KEY = CREDENTIALS


class EarlyReplies:
    """The WSGI application behind the cache."""

    def __init__(self, wsgi: Wsgi, app: Flask) -> None:
        self._wsgi = wsgi
        self._cache: ReplyCache = app.extensions["reply_cache"]
        self._limits: Limits = app.extensions["limits"]
        self._log: AccessLog = app.extensions["access_log"]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or _AUTHORIZATION in environ or _API_KEY in environ:
            return self._wsgi(environ, start_response)
        started = time.perf_counter()
        reply = self._cache.get(key_of(environ), early=True) if self._cache.is_in_use else None
        if reply is None:
            return self._wsgi(environ, start_response)
        limit, counter = self._limits.classes[READS].of_callers, self._limits.classes[READS].counter
        standing = counter.hit(limit, network_of(environ.get("REMOTE_ADDR", ""))) if limit is not None else None
        if standing is not None and not standing.allowed:  # Flask refuses it: a refused request is not counted
            return self._wsgi(environ, start_response)
        request_id = request_id_of(environ)
        own = [("X-Request-Id", request_id), FOR_NGINX, *(headers_of(standing) if standing is not None else ())]
        status, body = self._send(reply, environ, start_response, own)
        self._log.record(environ, reply.route, status, started, request_id, None)
        return body

    def _send(
        self, reply: CachedReply, environ: dict[str, Any], start_response: Any, own: list[tuple[str, str]]
    ) -> tuple[int, list[bytes]]:
        if reply.matches(environ.get("HTTP_IF_NONE_MATCH")):
            kept = [header for header in reply.headers if header[0] != "Content-Type"]
            start_response(_NOT_MODIFIED, [*kept, *own])
            return 304, []
        start_response(_OK, [*reply.headers, ("Content-Length", str(len(reply.body))), *own])
        return 200, [reply.body]
