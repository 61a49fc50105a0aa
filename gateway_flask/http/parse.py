"""Parsing of requests into models; each error names its field."""

from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from gateway_flask.http import json_documents
from gateway_flask.http.errors import invalid
from gateway_flask.middleware.request_context import current_request
from schemas.base import Request
from services.chassis.common.errors import BadRequest, NotFound, PayloadTooLarge, UnsupportedMediaType, ValidationFailed

M = TypeVar("M", bound=BaseModel)


class NoBody(Request):
    """The body of requests without one: absent, or `{}`."""


def path(model: type[M], parts: dict[str, Any]) -> M:
    """The path parameters. Raises `NotFound` for what can't be an id."""
    try:
        return model.model_validate(parts)
    except ValidationError:
        raise NotFound from None


def query(model: type[M], apart: str | None = None) -> M:
    """The query parameters, each at most once; the one named `apart` is parsed elsewhere."""
    given: dict[str, str] = {}
    for name, values in request.args.lists():
        if name == apart:
            continue
        if len(values) > 1:
            raise ValidationFailed.of(name, "was given more than once")
        if "\x00" in values[0] or "\x00" in name:
            raise ValidationFailed.of(name.replace("\x00", ""), "must not contain control characters")
        given[name] = values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid(error, at="query") from None


def no_query(apart: str | None = None) -> None:
    """Refuse query parameters on routes that have none, but for the one named `apart`."""
    if request.query_string:
        names = [name for name in request.args if name != apart] or ([] if apart in request.args else ["query"])
        if not names:
            return
        raise ValidationFailed(
            f"{names[0]}: is not a parameter of this route",
            [{"field": name, "message": "is not a parameter of this route"} for name in names],
        )


def raw_body() -> bytes:
    """The raw body. Raises `PayloadTooLarge` also for a chunked body, which Werkzeug would truncate silently."""
    raw = request.get_data(cache=False)
    if request.content_length is None and len(raw) >= (request.max_content_length or len(raw) + 1):
        raise PayloadTooLarge
    return raw


def body(model: type[M]) -> M:
    """The JSON body. An empty one counts as `{}` where nothing in it is required."""
    raw = raw_body()
    if raw:
        check_content_type()
        try:
            current_request().json = json_documents.parse(raw)
        except ValueError as error:
            raise BadRequest(f"The body is not JSON: {error}") from None
    else:
        if any(field.is_required() for field in model.model_fields.values()):
            raise BadRequest("This request needs a JSON body")
        raw, current_request().json = b"{}", {}
    try:
        parsed = model.model_validate_json(raw)
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "json_invalid":
            raise BadRequest("The body is JSON that we don't take: too deep, or with endless numbers") from None
        raise invalid(error, at="body") from None
    if (problem := json_documents.unusable_value(raw, current_request().json)) is not None:
        raise ValidationFailed.of(*problem)
    return parsed


def check_content_type() -> None:
    """Raise `UnsupportedMediaType` for a body that is not JSON in UTF-8, or compressed."""
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(f"Send application/json, not {kind}")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body uncompressed")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Send JSON in UTF-8")
