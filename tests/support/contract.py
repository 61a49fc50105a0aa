"""Check replies over HTTP against their models in `schemas/`: add `check` to `Client.on_reply`."""

from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from gateway_flask import routes  # noqa: F401 - declares the endpoints
from gateway_flask.openapi.document import enveloped
from gateway_flask.openapi.endpoints import ENDPOINTS, PREFIX
from schemas.api.envelope import Failure
from tests.support.shop import Reply

URLS = Map(
    [Rule(endpoint.rule, methods=[endpoint.method], endpoint=name) for name, endpoint in ENDPOINTS.items()],
    strict_slashes=False,
    merge_slashes=False,
).bind("shop")


@cache
def model_of(name: str) -> type[BaseModel]:
    return enveloped(ENDPOINTS[name])


def check(method: str, path: str, reply: Reply) -> None:
    """Check an error reply against the error envelope, a success against the model that its route declares."""
    if reply.status >= 400:
        failure = Failure.model_validate_json(reply.raw)
        assert failure.error.message
        assert reply.headers["X-Request-Id"]
        return
    try:
        name: Any = URLS.match(PREFIX + path.partition("?")[0], method)[0]
    except HTTPException:
        return
    endpoint = ENDPOINTS[name]
    if reply.status == 304:
        assert reply.raw == b""
        return
    assert reply.status in endpoint.statuses, f"{method} {path} replied {reply.status}"
    if endpoint.gives_bytes:
        return
    if endpoint.downloads and not reply.headers["Content-Type"].startswith("application/json"):
        return
    if "fields=" in path.partition("?")[2]:
        assert orjson.loads(reply.raw)["success"] is True  # trimmed on request
        return
    model_of(name).model_validate_json(reply.raw)
