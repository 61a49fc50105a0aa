"""Error handling: every exception becomes an error reply, by one table."""

from typing import Final

import structlog
from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from gateway_flask.http import envelope
from gateway_flask.middleware import step_up
from services.chassis.common import errors
from services.chassis.common.errors import DomainError, ValidationFailed
from services.chassis.common.validation_messages import validation_message

log = structlog.get_logger()

MOST_DETAILS: Final = 50

OF_HTTP: Final[dict[int, type[DomainError]]] = {
    400: errors.BadRequest,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    429: errors.RateLimited,
    503: errors.ServiceUnavailable,
    504: errors.DeadlineExceeded,
}
"""Errors of Flask and Werkzeug by status; others become `BAD_REQUEST`."""


def invalid(error: ValidationError, at: str = "") -> ValidationFailed:
    """A pydantic error as `ValidationFailed`, field by field; `at` is the part of the request."""
    details = []
    for fault in error.errors(include_url=False, include_input=False)[:MOST_DETAILS]:
        field = ".".join(str(part) for part in fault["loc"]) or at
        details.append({"field": field, "message": validation_message(fault)})
    first = details[0]
    message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return ValidationFailed(message, details)


def reply_to(error: Exception) -> Response:
    """The error reply for an exception. An unexpected one is logged, and its reply discloses nothing."""
    if isinstance(error, ValidationError):
        error = invalid(error)
    if isinstance(error, DomainError):
        return _of_domain(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    return _unexpected(error)


def _of_domain(error: DomainError) -> Response:
    if error.status == 500:
        return _unexpected(error)
    if isinstance(error, errors.TwoFactorRequired) and not error.details:
        error.details = step_up.challenge()
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(
            next((d["retry_after"] for d in error.details if "retry_after" in d), error.retry_after)
        )
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return envelope.failure(error.code, error.message, error.status, error.details, headers)


def _unexpected(error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return envelope.failure(DomainError.code, DomainError.default_message, 500, [])


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500 and status not in OF_HTTP:
        return _unexpected(error)
    kind = OF_HTTP.get(status, errors.BadRequest)
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    if kind.retry_after is not None:
        headers["Retry-After"] = str(kind.retry_after)
    return envelope.failure(kind.code, kind.default_message, status, [], headers)


def install(app: Flask) -> None:
    """Register the handler for all exceptions of the app."""
    app.register_error_handler(Exception, reply_to)
