"""The API documentation: the interactive page `/docs` and `/api/v1/openapi.json`."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from flask import Response, send_from_directory
from flask_openapi3 import Info, License, OpenAPI

from gateway_flask.http.envelope import JSON
from gateway_flask.middleware.security_headers import script_policy
from gateway_flask.openapi import document

URL: Final = "/api/v1/openapi.json"
VERSION: Final = "1.0.0"
ABOUT: Final = """\
The REST API of UltraMarket: catalogue, carts, orders, payments, and administration.

Replies are `{"success": true, "message", "data", "pagination"?}`; errors are
`{"success": false, "error": {"code", "message", "details"}}`; a refused request changes nothing.
Money is in minor units, times are UTC, ids are UUIDs.
Send an `Idempotency-Key` with requests that must not be carried out twice.
"""
PAGE: Final = Path(__file__).parent / "docs_page"
"""The page's own files; those of Swagger UI are the package's."""
PAGE_ASSETS: Final = frozenset({"docs.css", "docs.js", "inter.woff2", "logo.svg", "sign_in.js", "theme.js"})


def application(name: str) -> OpenAPI:
    """An application that collects its routes for the document."""
    schemes: dict[str, Any] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "`access_token` of a login",
        },
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "Key of `POST /auth/api-keys`",
        },
    }
    licence = License(name="Apache 2.0", url="https://www.apache.org/licenses/LICENSE-2.0")
    info = Info(title="UltraMarket", version=VERSION, description=ABOUT, license=licence)
    return OpenAPI(name, info=info, security_schemes=schemes, doc_ui=False)


def install(app: OpenAPI) -> None:
    """Add the routes of the page, its assets and the document, which is built at its first request."""
    made: list[bytes] = []
    assets = str(files("flask_openapi3_swagger") / "templates" / "swagger")

    def openapi_json() -> Response:
        if not made:
            made.append(orjson.dumps(document.document(app)))
        return Response(made[0], content_type=JSON)

    app.add_url_rule(URL, "openapi", openapi_json)
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": script_policy(page)}
    app.add_url_rule("/docs", "docs", lambda: Response(page, 200, headers, content_type="text/html; charset=utf-8"))

    def asset(filename: str) -> Response:
        own = filename in PAGE_ASSETS
        return send_from_directory(PAGE if own else assets, filename, max_age=300 if own else 86_400)

    app.add_url_rule("/docs/assets/<path:filename>", "docs_assets", asset)
