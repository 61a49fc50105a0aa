"""Error replies of the error table, and which of them a route can give."""

from dataclasses import dataclass, field
from typing import Any, Final

from gateway_flask.openapi import headers
from gateway_flask.openapi.endpoints import Endpoint
from gateway_flask.openapi.samples import SKU
from schemas.permissions.access import PUBLIC
from services.chassis.common.errors import DOMAIN_ERRORS


@dataclass(frozen=True)
class Refusal:
    """One status of the error table."""

    status: int
    codes: tuple[str, ...]
    example: list[dict[str, Any]] = field(default_factory=list)
    retry: bool = False

    def response(self) -> dict[str, Any]:
        """The OpenAPI response object."""
        error = {
            "code": self.codes[0],
            "message": DOMAIN_ERRORS[self.codes[0]].default_message,
            "details": self.example,
        }
        names = ["X-Request-Id", *(["Retry-After"] if self.retry else [])]
        if self.status == 429:
            names.extend(headers.RATE_LIMIT)
        content: dict[str, Any] = {
            "headers": headers.references(names),
            "description": " · ".join(f"`{code}`" for code in self.codes),
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Failure"},
                    "example": {"success": False, "error": error},
                }
            },
        }
        return content


REFUSALS: Final = {
    "BadRequest": Refusal(400, ("BAD_REQUEST", "IDEMPOTENCY_KEY_REQUIRED")),
    "Unauthenticated": Refusal(401, ("UNAUTHENTICATED", "TOKEN_EXPIRED", "INVALID_CREDENTIALS", "TWO_FACTOR_REQUIRED")),
    "PaymentRefused": Refusal(
        402,
        ("PAYMENT_DECLINED", "PAYMENT_ACTION_REQUIRED"),
        [{"decline_code": "insufficient_funds", "order_id": "0197b1c8-7a5e-7cc0-9f00-3f5b6d0c1a2b"}],
    ),
    "Forbidden": Refusal(403, ("FORBIDDEN", "EMAIL_NOT_VERIFIED")),
    "NotFound": Refusal(404, ("NOT_FOUND",)),
    "Conflict": Refusal(
        409,
        ("OUT_OF_STOCK", "PRICE_CHANGED", "CONFLICT", "IDEMPOTENCY_IN_PROGRESS", "INVALID_STATE"),
        [{"sku": SKU, "requested": 3, "available": 1}],
    ),
    "PreconditionFailed": Refusal(412, ("PRECONDITION_FAILED",)),
    "PayloadTooLarge": Refusal(413, ("PAYLOAD_TOO_LARGE",)),
    "UnsupportedMediaType": Refusal(415, ("UNSUPPORTED_MEDIA_TYPE",)),
    "Invalid": Refusal(
        422,
        ("VALIDATION_ERROR", "IDEMPOTENCY_KEY_REUSED"),
        [{"field": "items.0.quantity", "message": "must be at least 1"}],
    ),
    "RateLimited": Refusal(429, ("RATE_LIMITED",), retry=True),
    "Unavailable": Refusal(503, ("SERVICE_UNAVAILABLE",), retry=True),
    "TooLate": Refusal(504, ("DEADLINE_EXCEEDED",), retry=True),
}


CREDENTIALS_IN_BODY: Final = frozenset({"login", "refresh", "two_factor_login", "exchange_oauth_code", "finish_oauth"})
"""Public routes that refuse credentials."""
MAY_BE_FORBIDDEN: Final = frozenset({"list_products"})
"""Public routes with parameters that need a permission."""
MAY_BE_MISSING: Final = frozenset(
    {
        *("place_order", "shipping_rates", "add_item", "create_shipment", "get_export"),
        *("wait_for_stock", "unsubscribe", "unsubscribe_page"),
    }
)
"""Routes without path parameters that need something which may not exist."""


def refusals_of(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """The error replies that a route can give."""
    writes = endpoint.method != "GET"
    possible = {
        "BadRequest": True,
        "Unauthenticated": endpoint.access != PUBLIC or endpoint.name in CREDENTIALS_IN_BODY,
        "PaymentRefused": endpoint.name == "place_order",
        "Forbidden": endpoint.access.permission is not None or endpoint.name in MAY_BE_FORBIDDEN,
        "NotFound": bool(endpoint.models.get("path")) or endpoint.name in MAY_BE_MISSING,
        "Conflict": writes,
        "PreconditionFailed": "If-Match" in endpoint.headers,
        "PayloadTooLarge": writes,
        "UnsupportedMediaType": writes,
        "Invalid": True,
        "RateLimited": endpoint.limit is not None,
        "Unavailable": True,
        "TooLate": True,
    }
    return {
        str(REFUSALS[name].status): {"$ref": f"#/components/responses/{name}"} for name, can in possible.items() if can
    }
