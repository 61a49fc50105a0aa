"""The JSON Schemas of events, below the URLs that events name as `dataschema`, and the AsyncAPI document.

They are the files of `schemas/json`: published versions stay readable after a newer one was added.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import orjson
from flask import Flask, Response, request

from gateway_flask.http.envelope import JSON
from schemas.tools.envelope import PATH as ENVELOPE_PATH
from schemas.tools.export import ENVELOPE_FILE, FOLDER, published
from services.chassis.common.errors import NotFound
from services.chassis.runtime.settings import shop_url

ASYNCAPI: Final = "/api/v1/asyncapi.json"
SCHEMA: Final = "application/schema+json"
SECONDS: Final = 3600
"""Clients may keep a document for an hour, and then ask whether it has changed."""
_NAME: Final = re.compile(r"[a-z0-9_]+")


def install(app: Flask) -> None:
    """Add the routes. Documents are read at their first request."""
    bodies: dict[str, bytes] = {}

    def reply(name: str, content_type: str, read: Callable[[], dict[str, Any]]) -> Response:
        if name not in bodies:
            bodies[name] = orjson.dumps(read())
        response = Response(bodies[name], content_type=content_type)
        response.cache_control.public = True
        response.cache_control.max_age = SECONDS
        response.add_etag()
        return response.make_conditional(request)  # type: ignore[return-value]

    def asyncapi() -> Response:
        return reply(ASYNCAPI, JSON, lambda: _file("asyncapi.json"))

    def envelope_schema() -> Response:
        return reply(ENVELOPE_FILE, SCHEMA, lambda: _with_url(ENVELOPE_FILE))

    def event_schema(source: str, type_: str, version: int) -> Response:
        if not (_NAME.fullmatch(source) and _NAME.fullmatch(type_)):
            raise NotFound("There is no such schema")
        name = f"events/{source}/{type_}.v{version}.json"
        return reply(name, SCHEMA, lambda: _with_url(name))

    app.add_url_rule(ASYNCAPI, "asyncapi", asyncapi)
    app.add_url_rule(ENVELOPE_PATH, "envelope_schema", envelope_schema)
    app.add_url_rule("/schemas/events/<source>/<type_>/v<int:version>", "event_schema", event_schema)


def _with_url(name: str) -> dict[str, Any]:
    """The schema with its URL in this shop as `$id`."""
    schema = _file(name)
    return schema | {"$id": shop_url() + schema["$id"]}


def _file(name: str) -> dict[str, Any]:
    document = published(name, FOLDER)
    if document is None:
        raise NotFound("There is no such schema")
    return document
