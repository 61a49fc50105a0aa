"""Headers of requests and replies."""

from typing import Any, Final

from gateway_flask.openapi.endpoints import Endpoint

REQUEST: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {
        "description": "Names this command: sent again with the same key, it gets the first reply and is not carried "
        "out twice. Make a new UUID for each command.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "X-Cart-Id": {
        "description": "The guest's cart, as the first `POST /cart/items` replied it; empty: none.",
        "schema": {"type": "string", "pattern": "^([A-Za-z0-9_-]{16,64})?$"},
    },
    "X-Session-Id": {
        "description": "The session, as `POST /events` names it: it is the customer's from now on.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"},
    },
    "X-Order-Key": {
        "description": "A guest's key to an order: the `access_key` of the order's 201.",
        "schema": {"type": "string"},
    },
    "If-Match": {"description": "The ETag or version that the change is made against.", "schema": {"type": "string"}},
    "Range": {"description": "One part of the content: `bytes=0-1023`.", "schema": {"type": "string"}},
    "If-None-Match": {
        "description": "The ETag of what the client has: 304 if it is the same.",
        "schema": {"type": "string"},
    },
}
ANY_CART: Final = {
    "description": "The guest's cart; ignored if there is none of this id.",
    "schema": {"type": "string"},
}
"""For routes that do without a cart: a malformed id is ignored as well."""
DOES_WITHOUT_CART: Final = "track_events"
_COUNT: Final = {"type": "integer", "minimum": 0}
RATE_LIMIT: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
REPLY: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "Names the request in logs; the client's own if it sent one.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The version of the content, for `If-Match` and `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "X-Cart-Id": {
        "description": "The guest's cart, to be sent from now on.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"},
    },
    "Idempotency-Replayed": {
        "description": "`true` if this is the reply to an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {"description": "Seconds after which to try again.", "schema": _COUNT},
    "RateLimit-Limit": {"description": "Requests within the period that the limit names.", "schema": _COUNT},
    "RateLimit-Remaining": {"description": "Requests that are left.", "schema": _COUNT},
    "RateLimit-Reset": {"description": "Seconds until more are left.", "schema": _COUNT},
}
"""Headers of replies, as the document's components."""
TAGGED: Final = frozenset({
    "create_product", "get_flag", "create_category", "add_address", "get_address", "get_profile", "get_user",
    "get_user_preferences", "get_review", "get_review_rules", "create_report", "get_report", "get_template",
    "get_tuning", "get_tax_rate", "get_group", "get_warehouse", "get_setting", "get_role", "get_webhook", "get_level",
    "create_webhook", "get_preferences",
    "delete_variant", "delete_image",
})  # fmt: skip
"""Routes that reply an ETag, beside those that take `If-None-Match`, or `If-Match` without deleting."""
CART_REPLIES: Final = frozenset({"get_cart", "add_item", "set_quantity", "remove_item", "clear_cart"})


def of_success(endpoint: Endpoint) -> dict[str, dict[str, str]]:
    """The headers of a route's successful replies."""
    names = ["X-Request-Id"]
    if endpoint.limit is not None:
        names.extend(RATE_LIMIT)
    changes = "If-Match" in endpoint.headers and endpoint.method != "DELETE"
    if endpoint.name in TAGGED or "If-None-Match" in endpoint.headers or changes:
        names.append("ETag")
    if endpoint.name in CART_REPLIES:
        names.append("X-Cart-Id")
    if endpoint.key != "no":
        names.append("Idempotency-Replayed")
    return references(names)


def references(names: list[str]) -> dict[str, dict[str, str]]:
    """References to headers of replies."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
