"""Errors of a GraphQL reply: REST's codes and details in `extensions`, and nothing internal."""

import re
from typing import Any, Final

import structlog
from graphql import GraphQLError

from gateway_flask.middleware import step_up
from services.chassis.common.errors import DomainError, TwoFactorRequired, ValidationFailed

log = structlog.get_logger()

_VARIABLE: Final = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<path>[\w.\[\]]+))?: ")

_OF_CLIENT: Final = ("Argument ", "Variable ")
"""Beginnings of messages on values of the client; others with a path are on values of ours."""


def formatted(error: GraphQLError) -> dict[str, Any]:
    """An error of the execution as it is sent."""
    cause = error.original_error
    is_of_library = cause is None or isinstance(cause, GraphQLError)
    if is_of_library and (error.path is None or error.message.startswith(_OF_CLIENT)):
        body = entry(ValidationFailed(error.message, _details(error)))
    elif isinstance(cause, DomainError):
        body = entry(cause)
    else:
        log.error("graphql_field_failed", path=error.path, exc_info=cause or error)
        body = entry(DomainError())
    if error.path:
        body["path"] = error.path
    if error.locations:
        body["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
    return body


def of(error: Exception) -> GraphQLError:
    """Any exception as an error of GraphQL."""
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def entry(error: DomainError) -> dict[str, Any]:
    """A business error as an entry of `errors`."""
    if error.status >= 500 and error.code == DomainError.code:
        if type(error) is not DomainError:
            log.error("graphql_failed", exc_info=error)
        error = DomainError()
    if isinstance(error, TwoFactorRequired) and not error.details:
        error.details = step_up.challenge()
    extensions: dict[str, Any] = {"code": error.code}
    if error.details:
        extensions["details"] = error.details
    return {"message": error.message, "extensions": extensions}


def _details(error: GraphQLError) -> list[dict[str, Any]]:
    """The variable, or the argument's path, that a value doesn't fit."""
    match = _VARIABLE.match(error.message)
    if match is None:
        return []
    field = match["name"] + (match["path"] or "")
    return [{"field": field, "message": error.message[match.end() :]}]
