"""Cross-origin requests of browsers (https://fetch.spec.whatwg.org/#http-cors-protocol), for the origins of a setting.

A WSGI middleware of our own: flask-cors evaluates its options at each request (ADR 0051).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Accept-Language, Range, traceparent, "
    "X-API-Key, X-Cart-Id, X-Order-Key, X-Request-Id, X-Session-Id"
)
EXPOSED_HEADERS: Final = (
    "X-Request-Id, X-Cart-Id, ETag, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, "
    "Idempotency-Replayed, Deprecation, Sunset, Content-Disposition, Content-Range"
)


class Cors:
    """A WSGI application that browsers' scripts of the allowed origins may use. Others get replies without permission.

    Preflight requests of allowed origins are answered here, and may be cached for `max_age` seconds.
    """

    def __init__(self, wsgi: Wsgi, origins: Iterable[str], credentials: bool, max_age: int) -> None:
        self._wsgi = wsgi
        self._origins = frozenset(origins)
        self._any = "*" in self._origins
        self._credentials = [("Access-Control-Allow-Credentials", "true")] if credentials else []
        self._vary = [] if self._any else [("Vary", "Origin")]
        self._preflight = [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", REQUEST_HEADERS),
            ("Access-Control-Max-Age", str(max_age)),
            ("Content-Length", "0"),
        ]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        allowed = self._allowed(origin)
        if allowed and environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            start_response("204 No Content", [*allowed, *self._vary, *self._preflight])
            return []
        added = [*allowed, *self._vary]
        if allowed:
            added.append(("Access-Control-Expose-Headers", EXPOSED_HEADERS))

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *added], *rest)

        return self._wsgi(environ, start if added else start_response)

    def _allowed(self, origin: str | None) -> list[tuple[str, str]]:
        if origin is None or not (self._any or origin in self._origins):
            return []
        return [("Access-Control-Allow-Origin", "*" if self._any else origin), *self._credentials]
