"""Routes whose replies are cached: declared by `cached=Caching(…)`, reachable from no other.

The handler runs as a guest, whoever has sent the request: what it replies cannot depend on the caller. Callers who may
change products see other replies (their drafts, by status) and their own changes at once: theirs are not cached.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask, Response, current_app, g, has_request_context, request
from werkzeug.test import create_environ

from gateway_flask.caching import tags
from gateway_flask.caching.cached_reply import CachedReply, digest
from gateway_flask.caching.reply_cache import ReplyCache, count
from gateway_flask.middleware import request_context
from gateway_flask.middleware.request_context import current_request
from schemas.permissions.permission import Permission

CREDENTIALS: Final = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")
FOR_NGINX: Final = ("X-Accel-Expires", "1")
"""Has nginx keep a guest's reply for a moment (`nginx.conf`); it sends the header to nobody."""
_OWN_HEADERS: Final = frozenset({"content-length", "etag", "cache-control"})
REVALIDATED: Final = "no-cache"
"""`Cache-Control` of cached replies: clients keep them, and ask with `If-None-Match`."""


@dataclass(frozen=True)
class Caching:
    """The declaration of a route whose replies are cached."""

    tags: tuple[str, ...]
    """What they depend on; `depends_on` adds to it for each reply."""
    early: bool = True
    """Whether a hit is sent before the request reaches Flask."""
    observer: Callable[[dict[str, Any], dict[str, Any]], None] | None = None
    """Called with the route's arguments and the reply's facts for each request, hits included; not if `early`."""
    key: Callable[[dict[str, Any]], str] | None = None
    """What the reply depends on, from the route's arguments; without it path and query."""


@dataclass(slots=True)
class _Noted:
    """Notes of a handler about its reply."""

    tags: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    is_cacheable: bool = True


def depends_on(*names: str) -> None:
    """Add tags to the reply of the current request."""
    if (noted := g.get("noted")) is not None:
        noted.tags.extend(names)


def note(**facts: Any) -> None:
    """Note facts about the reply for the route's observer."""
    if (noted := g.get("noted")) is not None:
        noted.facts.update(facts)


def not_cacheable() -> None:
    """Have the reply of the current request not cached."""
    if (noted := g.get("noted")) is not None:
        noted.is_cacheable = False


def key_of(environ: dict[str, Any]) -> str:
    """The key of a request: its path and query as they are."""
    return f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"


def serve(
    caching: Caching,
    route: str,
    arguments: dict[str, Any],
    chosen: frozenset[str] | None,
    produce: Callable[[], Response],
) -> Response:
    """The reply with the `chosen` fields from the cache, else from `produce`."""
    cache: ReplyCache = current_app.extensions["reply_cache"]
    if not cache.is_in_use or current_request().caller.may(Permission.PRODUCTS_WRITE):
        count(route, "bypass")
        reply = _collect(caching, route, produce)
        reply.is_cacheable = False
    else:
        part = "" if chosen is None else ",".join(sorted(chosen))
        sent = key_of(request.environ)
        key = f"{route} {part} {caching.key(arguments)}" if caching.key is not None else sent
        reply = _cached(cache, caching, route, key, sent, produce)
    if caching.observer is not None:
        caching.observer(arguments, reply.facts)
    return _response(reply)


def _cached(
    cache: ReplyCache, caching: Caching, route: str, key: str, sent: str, produce: Callable[[], Response]
) -> CachedReply:
    reply = cache.get(key)
    if reply is None:
        compute = _computation(current_app._get_current_object(), sent, caching, route, produce)  # type: ignore[attr-defined]
        reply = cache.fill(route, key, compute, caching.early)
    if key != sent:
        cache.alias(sent, reply)
    return reply


def _computation(
    app: Flask, sent: str, caching: Caching, route: str, produce: Callable[[], Response]
) -> Callable[[], CachedReply]:
    """Compute the reply as a guest, in this request or, to refresh it, in one of its own."""

    def compute() -> CachedReply:
        if has_request_context():
            with current_request().as_guest():
                return _collect(caching, route, produce)
        path, _, query = sent.partition("?")
        with app.request_context(create_environ(path, query_string=query)):
            request_context.begin()
            with current_request().as_guest():
                return _collect(caching, route, produce)

    return compute


def _collect(caching: Caching, route: str, produce: Callable[[], Response]) -> CachedReply:
    noted = g.noted = _Noted()
    response = produce()
    if response.status_code != 200:
        raise ValueError(f"{route} replied {response.status_code}: only 200 can be cached, errors are raised")
    body = response.get_data()
    headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _OWN_HEADERS]
    etag = response.headers.get("ETag") or digest(body)
    cached_headers = (*headers, ("Cache-Control", REVALIDATED), ("ETag", etag))
    all_tags = tuple(dict.fromkeys((tags.EVERYTHING, *caching.tags, *noted.tags)))
    return CachedReply(
        route, body, cached_headers, etag, all_tags, noted.facts, noted.is_cacheable, is_early=caching.early
    )


def _response(reply: CachedReply) -> Response:
    environ = request.environ
    has_it = reply.matches(environ.get("HTTP_IF_NONE_MATCH"))
    response = Response(b"" if has_it else reply.body, 304 if has_it else 200, reply.headers)
    if has_it:
        for name in ("Content-Type", "Content-Length"):
            response.headers.pop(name, None)
    if reply.is_cacheable and not any(name in environ for name in CREDENTIALS):
        response.headers.add(*FOR_NGINX)
    return response
