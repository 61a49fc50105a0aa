"""Route declarations: path, models of request and reply. Views and documentation follow from them; the access of each
route stands in `schemas.permissions.routes`.

flask-openapi3 reads the declaration for the OpenAPI document. Its own checks at run time build the JSON Schema of
the query anew for each request (1 ms); ours in `parse` are models only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, Literal, TypeVar

from flask import Response, after_this_request, current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from gateway_flask.caching import cached_routes
from gateway_flask.caching.cached_routes import Caching
from gateway_flask.caching.invalidations import Drop
from gateway_flask.http import fieldsets, parse
from gateway_flask.http.deprecation import Deprecation
from gateway_flask.middleware import idempotency, rate_limits
from gateway_flask.middleware.authentication import identify
from schemas.permissions.access import Access
from schemas.permissions.routes import access_of

PREFIX: Final = "/api/v1"
Model = type[BaseModel]
Handler = TypeVar("Handler", bound=Callable[..., Response])


@dataclass(frozen=True)
class Endpoint:
    """The declaration of a route."""

    method: str
    rule: str
    name: str
    access: Access
    reply: Model | None
    many: bool = False
    statuses: tuple[int, ...] = (200,)
    key: Literal["no", "may", "must"] = "no"
    limit: Literal["sign_in", "writes", "reads"] | None = None
    """The class of its rate limits."""
    headers: tuple[str, ...] = ()
    takes_bytes: bool = False
    """The body is passed on unparsed."""
    form: Model | None = None
    """The parts of that body, where it is `multipart/form-data`."""
    gives_bytes: bool = False
    """The reply is a file."""
    streams: bool = False
    """It can reply a stream of Server-Sent Events."""
    downloads: tuple[str, ...] = ()
    """The content type of the file that it can reply instead."""
    deprecated: Deprecation | None = None
    cached: Caching | None = None
    """How its replies are cached; None: they may depend on the caller."""
    drops: Callable[[dict[str, Any]], tuple[Drop, ...]] | None = None
    """What a change by this route drops from the cache of its process at once, by the parts of its path; the other
    processes hear of it by an event.
    """
    models: dict[str, Model] = field(default_factory=dict)

    @property
    def is_partial(self) -> bool:
        """Whether a client can choose fields of the reply."""
        return self.method == "GET" and self.reply is not None and not self.downloads


ENDPOINTS: Final[dict[str, Endpoint]] = {}
"""Every declared route by its name, which is also its operation id."""


class _Blueprint(APIBlueprint):
    """flask-openapi3's blueprint with our own view functions."""

    @staticmethod
    def create_view_func(  # type: ignore[override]
        func: Callable[..., Response],
        header: Model | None,
        cookie: Model | None,
        path: Model | None,
        query: Model | None,
        form: Model | None,
        body: Model | None,
        raw: Any,
        **_: Any,
    ) -> Callable[..., Response]:
        endpoint = ENDPOINTS[func.__name__]
        given = {"path": path, "query": query, "body": body}
        endpoint.models.update({kind: model for kind, model in given.items() if model is not None})
        return _view(func, endpoint, path, query, body)


def _view(
    handler: Callable[..., Response],
    endpoint: Endpoint,
    path: Model | None,
    query: Model | None,
    body: Model | None,
) -> Callable[..., Response]:
    checks_body = endpoint.method in ("POST", "PUT", "PATCH") and not endpoint.takes_bytes
    limit = endpoint.limit
    must_have_key = endpoint.key == "must"
    fields = fieldsets.names_of(endpoint.reply) if endpoint.is_partial and endpoint.reply else None
    apart = fieldsets.PARAMETER if fields is not None else None

    @wraps(handler)
    def view(**parts: Any) -> Response:
        if endpoint.deprecated is not None:
            after_this_request(endpoint.deprecated.tell)
        try:
            identify(endpoint.access)
        finally:  # refused callers are counted as well
            if limit is not None:
                rate_limits.hit(limit)
        arguments: dict[str, Any] = {}
        if path is not None:
            arguments["path"] = parse.path(path, parts)
        if must_have_key:
            idempotency.require_key()
        if query is not None:
            arguments["query"] = parse.query(query, apart)
        else:
            parse.no_query(apart)
        chosen = fieldsets.requested(fields) if fields is not None else None
        if body is not None:
            arguments["body"] = parse.body(body)
        elif checks_body:
            parse.body(parse.NoBody)
        if endpoint.key == "no":
            response = respond(arguments, chosen)
        else:
            response = idempotency.once(lambda: handler(**arguments))
        if endpoint.drops is not None:
            current_app.extensions["reply_cache"].invalidations.record(endpoint.drops(parts))
        return response

    def respond(arguments: dict[str, Any], chosen: frozenset[str] | None) -> Response:
        def produce() -> Response:
            response = handler(**arguments)
            return response if chosen is None else fieldsets.trimmed(response, chosen)

        if endpoint.cached is None:
            return produce()
        return cached_routes.serve(endpoint.cached, endpoint.rule, arguments, chosen, produce)

    return view


class Api:
    """A group of routes below `/api/v1`. `declared` are the fields of `Endpoint`.

    `drops`: what its changes drop from the cache.
    """

    def __init__(
        self,
        name: str,
        title: str,
        about: str,
        prefix: str = "",
        drops: Callable[[dict[str, Any]], tuple[Drop, ...]] | None = None,
    ) -> None:
        self._drops = drops
        self.blueprint = _Blueprint(
            name, __name__, url_prefix=PREFIX + prefix, abp_tags=[Tag(name=title, description=about)]
        )

    def get(self, rule: str, *, reply: Model | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self._declare("GET", rule, reply, **{"limit": "reads", **declared})

    def post(self, rule: str, *, reply: Model | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self._declare("POST", rule, reply, **{"limit": "writes", **declared})

    def put(self, rule: str, *, reply: Model | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self._declare("PUT", rule, reply, **{"limit": "writes", **declared})

    def patch(self, rule: str, *, reply: Model, **declared: Any) -> Callable[[Handler], Handler]:
        return self._declare("PATCH", rule, reply, **{"limit": "writes", **declared})

    def delete(self, rule: str, *, reply: Model | None, **declared: Any) -> Callable[[Handler], Handler]:
        return self._declare("DELETE", rule, reply, **{"limit": "writes", **declared})

    def _declare(self, method: str, rule: str, reply: Model | None, **declared: Any) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            name = handler.__name__
            if name in ENDPOINTS:
                raise ValueError(f"two routes are named {name}")
            full = (self.blueprint.url_prefix or "") + rule
            if method != "GET":
                declared.setdefault("drops", self._drops)
            ENDPOINTS[name] = Endpoint(method, full, name, access_of(name), reply, **declared)
            register = getattr(self.blueprint, method.lower())
            register(rule, operation_id=name)(handler)
            return handler

        return declare
