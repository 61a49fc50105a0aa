"""Cursors of search results: the sort values of the last hit, and how its page was searched for (ADR 0054)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from schemas.api.search import SearchQuery
from services.chassis.common.paging import ASCENDING, Keyset, Kind, SortKey, decode_cursor, foreign_cursor

Way = Literal["exact", "fuzzy", "relaxed", "corrected"]
"""How a page was searched for: with all words, with typing errors, by some words, or by a corrected query."""
_NAME: Final = "search:"
_KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "relevance": ("number", "integer", "text"),
    "price": ("integer", "number", "text"),
    "-price": ("integer", "number", "text"),
    "-rating": ("number", "number", "text"),
    "-created_at": ("integer", "text"),
    "title": ("text", "text"),
}
"""The kinds of the values of `query_bodies.SORTS`; Elasticsearch sorts by them, so directions don't matter here."""


@dataclass(frozen=True)
class Position:
    """The place of a hit in the results."""

    way: Way
    corrected_query: str | None
    values: list[Any]


def is_of_engine(cursor: str) -> bool:
    """Whether a cursor is of the search engine; otherwise it is of the catalogue, or of no list."""
    match decode_cursor(cursor):
        case [str(name), *_]:
            return name.startswith(_NAME)
    return False


def position(query: SearchQuery) -> Position:
    """The position in the query's cursor. Raises `ValidationFailed` for a cursor of another list or order."""
    way, corrected, *values = _keyset(query.sort).position(query.cursor or "")
    if way not in get_args(Way):
        raise foreign_cursor()
    return Position(cast(Way, way), corrected or None, values)


def next_cursor(
    query: SearchQuery, hits: Sequence[Mapping[str, Any]], total: int, way: Way, corrected_query: str | None
) -> str | None:
    """The cursor of the next page; `hits` have one more than the page if they were searched for with a cursor."""
    more = len(hits) > query.limit if query.cursor else total > query.page * query.limit
    if not more or not hits:
        return None
    values = [way, corrected_query or "", *hits[min(query.limit, len(hits)) - 1]["sort"]]
    return _keyset(query.sort).cursor(values)


def _keyset(sort: str) -> Keyset:
    kinds: tuple[Kind, ...] = ("text", "text", *_KINDS[sort])
    return Keyset(f"{_NAME}{sort}", tuple(SortKey(str(place), ASCENDING, kind) for place, kind in enumerate(kinds)))
