"""Business errors: raised where the rule is, carried over RPC with code and details, turned into HTTP at the edge.

The codes and statuses are those of the public error table.
"""

from typing import Any, ClassVar

DOMAIN_ERRORS: dict[str, type["DomainError"]] = {}
"""Every error class by its code: a reply's `code` finds the class to raise at the caller."""


class DomainError(Exception):
    """The base of business errors that a caller can act on; `details` has one dict per affected thing."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    retry_after: ClassVar[int | None] = None
    """Seconds after which a retry makes sense; None: don't retry."""
    default_message: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, message: str | None = None, details: list[dict[str, Any]] | None = None) -> None:
        self.message = message or self.default_message
        self.details = details or []
        super().__init__(self.message)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        DOMAIN_ERRORS.setdefault(cls.code, cls)

    def to_wire(self) -> dict[str, Any]:
        """The fields that an RPC reply adds to Nameko's own."""
        return {"code": self.code, "message": self.message, "details": self.details}


def from_wire(error: dict[str, Any]) -> Exception:
    """The exception for a reply's `error`; an unknown one becomes `RemoteFailure`."""
    code = error.get("code")
    if code in DOMAIN_ERRORS:
        return DOMAIN_ERRORS[code](error.get("message"), error.get("details"))
    if error.get("exc_type") in {"MethodNotFound", "IncorrectSignature", "MalformedRequest"}:
        return RemoteFailure(f"{error['exc_type']}: {error.get('value')}")
    return RemoteFailure(f"{error.get('exc_type')}: {error.get('value')}")


class RemoteFailure(DomainError):
    """The called service failed with an unexpected exception: a bug there."""

    code = "INTERNAL_ERROR"


class BadRequest(DomainError):
    code, status, default_message = "BAD_REQUEST", 400, "The request could not be understood"


class IdempotencyKeyRequired(DomainError):
    code, status = "IDEMPOTENCY_KEY_REQUIRED", 400
    default_message = "This request needs an Idempotency-Key header"


class Unauthenticated(DomainError):
    code, status, default_message = "UNAUTHENTICATED", 401, "Sign in first"


class TokenExpired(DomainError):
    code, status, default_message = "TOKEN_EXPIRED", 401, "The token has expired"


class InvalidCredentials(DomainError):
    code, status, default_message = "INVALID_CREDENTIALS", 401, "The e-mail address or the password is wrong"


class TwoFactorRequired(DomainError):
    """Details: `challenge`, to be sent with a code to `/auth/2fa/login`."""

    code, status, default_message = "TWO_FACTOR_REQUIRED", 401, "Confirm with a code of your second factor"


class PaymentDeclined(DomainError):
    """Details: `decline_code`, `order_id`."""

    code, status, default_message = "PAYMENT_DECLINED", 402, "The payment was declined"


class PaymentActionRequired(DomainError):
    """Details: `client_secret`, `order_id`."""

    code, status, default_message = "PAYMENT_ACTION_REQUIRED", 402, "The payment needs the customer's confirmation"


class Forbidden(DomainError):
    code, status, default_message = "FORBIDDEN", 403, "This is not allowed for your role"


class EmailNotVerified(DomainError):
    code, status = "EMAIL_NOT_VERIFIED", 403
    default_message = "Verify your mail address first, then refresh the access token"


class NotFound(DomainError):
    """Also raised for another owner's resource, so that its existence is not disclosed."""

    code, status, default_message = "NOT_FOUND", 404, "There is no such thing"


class MethodNotAllowed(DomainError):
    code, status, default_message = "METHOD_NOT_ALLOWED", 405, "This method is not allowed here"


class OutOfStock(DomainError):
    """Details: `sku`, `requested`, `available`, one per line."""

    code, status, default_message = "OUT_OF_STOCK", 409, "Not enough in stock"

    @classmethod
    def of(cls, sku: str, requested: int, available: int) -> "OutOfStock":
        return cls(
            f"Only {available} of {sku} available" if available else f"{sku} is out of stock",
            [{"sku": sku, "requested": requested, "available": available}],
        )


class PriceChanged(DomainError):
    """Details: `expected` and `actual` total."""

    code, status, default_message = "PRICE_CHANGED", 409, "The total has changed"


class Conflict(DomainError):
    code, status, default_message = "CONFLICT", 409, "This conflicts with what is there"


class InvalidState(DomainError):
    code, status, default_message = "INVALID_STATE", 409, "This is not possible in the present state"


class IdempotencyInProgress(DomainError):
    code, status, retry_after = "IDEMPOTENCY_IN_PROGRESS", 409, 1
    default_message = "A request with this Idempotency-Key is still being worked on"


class PreconditionFailed(DomainError):
    code, status, default_message = "PRECONDITION_FAILED", 412, "It was changed in the meantime"


class PayloadTooLarge(DomainError):
    code, status, default_message = "PAYLOAD_TOO_LARGE", 413, "The request is too large"


class UnsupportedMediaType(DomainError):
    code, status, default_message = "UNSUPPORTED_MEDIA_TYPE", 415, "Send application/json"


class ValidationFailed(DomainError):
    """Details: `field` (its path, `items.0.quantity`) and `message`, one per field."""

    code, status, default_message = "VALIDATION_ERROR", 422, "The request is not valid"

    @classmethod
    def of(cls, field: str, message: str) -> "ValidationFailed":
        return cls(f"{field}: {message}", [{"field": field, "message": message}])


class IdempotencyKeyReused(DomainError):
    code, status = "IDEMPOTENCY_KEY_REUSED", 422
    default_message = "This Idempotency-Key was used with another request"


class RateLimited(DomainError):
    code, status, retry_after, default_message = "RATE_LIMITED", 429, 60, "Too many requests"


class ServiceUnavailable(DomainError):
    code, status, retry_after = "SERVICE_UNAVAILABLE", 503, 1
    default_message = "A part of the shop is not available at the moment"


class DeadlineExceeded(DomainError):
    code, status, retry_after = "DEADLINE_EXCEEDED", 504, 1
    default_message = "The answer did not come in time"
