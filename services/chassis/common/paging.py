"""Pages of lists: by number with totals, and by an opaque cursor whose cost doesn't grow with depth (ADR 0054)."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import orjson

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import is_id

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MAX_VALUE_LENGTH: Final = 1000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
Kind = Literal["id", "text", "integer", "number", "moment"]
Direction = Literal[1, -1]
ASCENDING: Final[Direction] = 1
DESCENDING: Final[Direction] = -1


@dataclass(frozen=True)
class Paging:
    """The page of a list that a query requests; with a cursor the page after it."""

    page: int = 1
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @classmethod
    def of(cls, query: Any) -> "Paging":
        """The page that a query model with `page`, `limit` and `cursor` requests."""
        return cls(query.page, query.limit, query.cursor)

    @property
    def offset(self) -> int:
        return 0 if self.cursor else (self.page - 1) * self.limit

    @property
    def fetched(self) -> int:
        """The number of rows to fetch: one more than the page has tells whether there is a next one."""
        return self.limit + 1


@dataclass(frozen=True)
class SortKey:
    """A field that a list is sorted by. It has a value in every row."""

    field: str
    direction: Direction
    kind: Kind


@dataclass(frozen=True)
class Keyset:
    """The order of a list: its last key is unique, so a row's values are a position between any two others."""

    name: str
    keys: tuple[SortKey, ...]

    def cursor(self, values: Sequence[Any]) -> str:
        """The cursor of the rows after the one with these values."""
        return encode_cursor([self.name, *(_plain(value) for value in values)])

    def position(self, cursor: str) -> list[Any]:
        """The values in a cursor. Raises `ValidationFailed` for one of another list or order."""
        name, *values = decode_cursor(cursor) or [None]
        if name != self.name or len(values) != len(self.keys):
            raise foreign_cursor()
        return [_value(key.kind, value) for key, value in zip(self.keys, values, strict=True)]

    def page(
        self, rows: Sequence[Any], total: int, paging: Paging, values: Callable[[Any], Sequence[Any]]
    ) -> dict[str, Any]:
        """The page of the first `limit` of `fetched` rows; `values` gives the sort values of a row."""
        items = list(rows[: paging.limit])
        more = len(rows) > paging.limit
        return page(items, total, paging, self.cursor(values(items[-1])) if more else None)


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
    """Make a cursor of a list's name and the sort values of the last item."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode_cursor(cursor: str) -> list[Any]:
    """Read a cursor; one that isn't ours is a `ValidationFailed` on `cursor`."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError) as malformed:
        raise foreign_cursor() from malformed
    if not isinstance(position, list):
        raise foreign_cursor()
    return position


def foreign_cursor() -> ValidationFailed:
    """The error for a cursor that this list has not made."""
    return ValidationFailed.of("cursor", "is not a cursor of this list")


def _plain(value: Any) -> Any:
    return (value - EPOCH) // _MICROSECOND if isinstance(value, datetime) else value


def _value(kind: Kind, value: Any) -> Any:
    """A value of a cursor as the store compares it: of its kind, within the ranges of the stores."""
    match kind, value:
        case "id", str() if is_id(value):
            return value
        case "text", str() if len(value) <= MAX_VALUE_LENGTH and "\x00" not in value:
            return value
        case "integer" | "number", int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        case "number", float():
            return value
        case "moment", int() if not isinstance(value, bool):
            try:
                return EPOCH + value * _MICROSECOND
            except OverflowError:
                raise foreign_cursor() from None
    raise foreign_cursor()
