"""From a request to models. Each refusal names its field; nothing is guessed."""

from typing import Any, TypeVar

import orjson
from flask import request
from pydantic import BaseModel, ValidationError

from gateway_flask.errors import invalid
from gateway_flask.visit import visit
from schemas.base import Request
from services.chassis.errors import BadRequest, NotFound, UnsupportedMediaType, ValidationFailed

M = TypeVar("M", bound=BaseModel)


class NoBody(Request):
    """For requests that say everything in their path: the body is left out, or `{}`."""


def path(model: type[M], parts: dict[str, Any]) -> M:
    """The parts of the path. What can't be an id of ours is nowhere."""
    try:
        return model.model_validate(parts)
    except ValidationError:
        raise NotFound from None


def query(model: type[M]) -> M:
    """The query's parameters, each at most once."""
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            raise ValidationFailed.of(name, "was given more than once")
        if "\x00" in values[0] or "\x00" in name:
            raise ValidationFailed.of(name.replace("\x00", ""), "must not contain control characters")
        given[name] = values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error, at="query") from None


def no_query() -> None:
    """For routes that have no parameters."""
    if request.query_string:
        names = list(request.args) or ["query"]
        raise ValidationFailed(
            f"{names[0]}: is not a parameter of this route",
            [{"field": name, "message": "is not a parameter of this route"} for name in names],
        )


def body(model: type[M]) -> M:
    """The JSON body. An empty one counts as `{}` where nothing in it is required."""
    raw = request.get_data(cache=False)
    if raw:
        _check_content_type()
        try:
            visit().json = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is not JSON: {error}") from None
        if b"\\u0000" in raw and (where := _nul(visit().json)) is not None:
            raise ValidationFailed.of(where, "must not contain control characters")
    else:
        if any(field.is_required() for field in model.model_fields.values()):
            raise BadRequest("This request needs a JSON body")
        raw, visit().json = b"{}", {}
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "json_invalid":
            raise BadRequest("The body is not JSON that we take: it is nested too deeply") from None
        raise invalid(error, at="body") from None


def _check_content_type() -> None:
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise BadRequest(f"Send application/json, not {kind}")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body uncompressed")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Send JSON in UTF-8")


def _nul(value: Any, at: str = "") -> str | None:
    """Where in the JSON `value` a NUL hides: no store and no mail takes one well."""
    pending = [(value, at)]
    while pending:
        value, at = pending.pop()
        if isinstance(value, str) and "\x00" in value:
            return at or "body"
        if isinstance(value, dict):
            for key, inner in value.items():
                if "\x00" in key:
                    return at or "body"
                pending.append((inner, f"{at}.{key}" if at else key))
        elif isinstance(value, list):
            pending.extend((inner, f"{at}.{index}" if at else str(index)) for index, inner in enumerate(value))
    return None
