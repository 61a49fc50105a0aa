"""A GraphQL request over HTTP (https://graphql.github.io/graphql-over-http/draft/), from a body or a query string."""

from dataclasses import dataclass, field
from typing import Any

from flask import request

from gateway_flask.http import json_documents, parse
from services.chassis.common.errors import BadRequest, UnsupportedMediaType, ValidationFailed

_FIELDS = ("query", "variables", "operationName", "extensions")


@dataclass(frozen=True)
class GraphqlRequest:
    """A request of a client; `query` is the document, None where only its hash was sent."""

    query: str | None
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    may_change: bool = True
    """Whether mutations are carried out: not by GET, which browsers send for any page."""


def read() -> GraphqlRequest:
    """The current request. Raises `BadRequest`, `UnsupportedMediaType`, `ValidationFailed` naming the field."""
    if request.method != "POST":
        return _of_query_string()
    if request.mimetype != "application/json":  # a form of another site can't send this without a preflight request
        raise UnsupportedMediaType(f"Send application/json, not {request.mimetype or 'nothing'}")
    parse.check_content_type()
    try:
        body = json_documents.parse(raw := parse.raw_body())
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}") from None
    if (problem := json_documents.unusable_value(raw, body)) is not None:
        raise ValidationFailed.of(*problem)
    if isinstance(body, list):
        raise BadRequest("Batches are not taken: send one operation")
    if not isinstance(body, dict):
        raise BadRequest("The body must be an object with `query`")
    return checked(body, may_change=True)


def _of_query_string() -> GraphqlRequest:
    given: dict[str, Any] = {name: request.args[name] for name in _FIELDS if request.args.get(name)}
    for name in ("variables", "extensions"):
        if name in given:
            try:
                given[name] = json_documents.parse(raw := given[name].encode())
            except ValueError:
                raise ValidationFailed.of(name, "must be a JSON object") from None
            if (problem := json_documents.unusable_value(raw, given[name])) is not None:
                raise ValidationFailed.of(f"{name}.{problem[0]}", problem[1])
    return checked(given, may_change=False)


def checked(given: dict[str, Any], may_change: bool) -> GraphqlRequest:
    """The request of these fields. Raises `ValidationFailed` naming the field of another type."""
    for name, kind, described in (
        ("query", str, "a GraphQL document"),
        ("variables", dict, "an object"),
        ("operationName", str, "a name"),
        ("extensions", dict, "an object"),
    ):
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise ValidationFailed.of(name, f"must be {described}")
    return GraphqlRequest(
        query=given.get("query") or None,
        variables=given.get("variables") or {},
        operation_name=given.get("operationName") or None,
        extensions=given.get("extensions") or {},
        may_change=may_change,
    )
