"""Pages of lists: by number with totals, and by an opaque cursor for deep ones."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from services.chassis.common.errors import ValidationFailed

MAX_LIMIT = 100
DEFAULT_LIMIT = 20


@dataclass(frozen=True)
class Paging:
    """The page of a list that a query requests."""

    page: int = 1
    limit: int = DEFAULT_LIMIT

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


def page(items: list[Any], total: int, paging: Paging, next_cursor: str | None = None) -> dict[str, Any]:
    """A page in the shape of `schemas.base.Page`."""
    return {
        "items": items,
        "page": paging.page,
        "limit": paging.limit,
        "total": total,
        "next_cursor": next_cursor,
    }


def encode_cursor(position: list[Any]) -> str:
    """Make a cursor of the sort values of the last item."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[Any]:
    """Read a cursor; one that isn't ours is a `ValidationFailed` on `cursor`."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as malformed:
        raise ValidationFailed.of("cursor", "is not a cursor of this list") from malformed
    if not isinstance(position, list):
        raise ValidationFailed.of("cursor", "is not a cursor of this list")
    return position
