"""The envelope of every JSON reply."""

from typing import Any, Final

import orjson
from flask import Response

from schemas.base import Page
from services.chassis.messaging.typed_calls import Reply

JSON: Final = "application/json"
PRIVATE: Final = "no-store"
"""The default `Cache-Control`: replies are personal unless a route says otherwise."""


def reply(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply from a dict."""
    return ready(orjson.dumps(body), status, headers)


def ready(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON reply from encoded JSON."""
    response = Response(body, status, headers, content_type=JSON)
    response.headers.setdefault("Cache-Control", PRIVATE)
    return response


def ok(
    data: Reply[Any] | dict[str, Any] | list[Any] | None,
    message: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A successful reply; an RPC reply goes on as its JSON came."""
    return ready(body(data.json if isinstance(data, Reply) else data, message), status, headers)


def body(data: Any, message: str) -> bytes:
    """The encoded body of a successful reply."""
    return orjson.dumps({"success": True, "message": message, "data": data})


def listing(reply_: Reply[Page[Any]] | dict[str, Any], message: str) -> Response:
    """A page of a list."""
    page = reply_.json if isinstance(reply_, Reply) else reply_
    return reply({"success": True, "message": message, "data": page["items"], "pagination": _pagination(page)}, 200)


def page_with_details(reply_: Reply[Any] | dict[str, Any], message: str) -> Response:
    """A page that has more than its items: everything but the paging fields is the data."""
    page = reply_.json if isinstance(reply_, Reply) else reply_
    pagination = _pagination(page)
    data = {name: value for name, value in page.items() if name not in ("page", "limit", "total", "next_cursor")}
    return reply({"success": True, "message": message, "data": data, "pagination": pagination}, 200)


def _pagination(page: dict[str, Any]) -> dict[str, Any]:
    total, limit = page["total"], page["limit"]
    pagination = {"page": page["page"], "limit": limit, "total": total, "totalPages": -(-total // limit)}
    if page.get("next_cursor"):
        pagination["nextCursor"] = page["next_cursor"]
    return pagination


def failure(
    code: str, message: str, status: int, details: list[dict[str, Any]], headers: dict[str, str] | None = None
) -> Response:
    """An error reply."""
    error = {"code": code, "message": message, "details": details}
    return reply({"success": False, "error": error}, status, headers)
