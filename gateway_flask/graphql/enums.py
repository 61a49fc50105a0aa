"""The values that the services use for those of the schema's enums."""

from typing import Final, get_args

from schemas.api.cart import WarningCode
from schemas.api.search import FacetType

_SORTS: Final = {
    "NEWEST": "-created_at",
    "PRICE": "price",
    "PRICE_DESC": "-price",
    "RATING": "-rating",
    "TITLE": "title",
}
ORDER_STATUSES: Final = (
    "pending",
    "awaiting_payment",
    "under_review",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "failed",
    "cancelled",
    "returned",
)

VALUES: Final[dict[str, dict[str, str]]] = {
    "ProductSort": _SORTS,
    "SearchSort": _SORTS | {"RELEVANCE": "relevance"},
    "ReviewSort": {
        "NEWEST": "newest",
        "HELPFUL": "helpful",
        "LOWEST_RATING": "rating",
        "HIGHEST_RATING": "-rating",
    },
    "OrderSort": {"NEWEST": "-created_at", "OLDEST": "created_at", "TOTAL": "total", "TOTAL_DESC": "-total"},
    "OrderStatus": {status.upper(): status for status in ORDER_STATUSES},
    "FacetType": {value.upper(): value for value in get_args(FacetType)},
    "CartWarningCode": {value: value for value in get_args(WarningCode)},
}
"""Enum → value in the schema → value of the services."""
