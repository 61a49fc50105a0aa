"""Security headers of every reply that has none of its own: JSON, pages, refusals of the load shedding.

nginx sets those of JSON on its own replies, and HSTS (https://owasp.org/www-project-secure-headers/).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_COMMON: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
JSON_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"} | _COMMON
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
} | _COMMON
"""Of an HTML page without scripts; one with scripts sets `script_policy`."""


def script_policy(page: str) -> str:
    """The `Content-Security-Policy` of an HTML page with scripts: those of our own files, and its inline ones.

    The inline scripts are allowed by their digests, so none can be added to the page.
    """
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class SecurityHeaders:
    """A WSGI application whose replies have the headers; those that a reply sets itself are kept."""

    def __init__(self, wsgi: Wsgi) -> None:
        self._wsgi = wsgi

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            present = {name.lower(): value for name, value in headers}
            is_page = present.get("content-type", "").startswith("text/html")
            missing = [header for header in (_PAGE if is_page else _JSON) if header[0].lower() not in present]
            return start_response(status, [*headers, *missing], *rest)

        return self._wsgi(environ, start)


_JSON: Final = tuple(JSON_HEADERS.items())
_PAGE: Final = tuple(PAGE_HEADERS.items())
