"""Paging by number, and opaque cursors."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.ids import new_id
from services.chassis.common.paging import (
    ASCENDING,
    DESCENDING,
    EPOCH,
    Keyset,
    Paging,
    SortKey,
    decode_cursor,
    encode_cursor,
    page,
)

BY_PRICE = Keyset("things:price", (SortKey("price", ASCENDING, "integer"), SortKey("id", ASCENDING, "text")))
OF_ALL_KINDS = Keyset(
    "all",
    (
        SortKey("at", DESCENDING, "moment"),
        SortKey("rating", DESCENDING, "number"),
        SortKey("title", ASCENDING, "text"),
        SortKey("id", ASCENDING, "id"),
    ),
)
TITLES = st.text(max_size=200).filter(lambda text: "\0" not in text)
ROWS = st.sets(st.tuples(st.integers(0, 5), st.text("abc", min_size=1, max_size=3)), max_size=20)


def test_page_offset() -> None:
    assert [Paging(number, 20).offset for number in (1, 2, 10)] == [0, 20, 180]


def test_page_has_number_limit_total_and_cursor() -> None:
    assert page(["a"], 41, Paging(3, 20), "next") == {
        "items": ["a"],
        "page": 3,
        "limit": 20,
        "total": 41,
        "next_cursor": "next",
    }


@given(st.lists(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), max_size=4))
def test_cursor_round_trip(position: list[object]) -> None:
    cursor = encode_cursor(position)

    assert decode_cursor(cursor) == position
    assert "=" not in cursor


@pytest.mark.parametrize("cursor", ["", "x", "????", "bm90IGpzb24", "eyJhIjoxfQ", "é", "\x00", "WzFd=garbage"])
def test_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        decode_cursor(cursor)

    assert refused.value.details == [{"field": "cursor", "message": "is not a cursor of this list"}]


@given(st.text())
def test_any_text_as_cursor_is_decoded_or_refused(cursor: str) -> None:
    with contextlib.suppress(ValidationFailed):
        assert isinstance(decode_cursor(cursor), list)


@given(ROWS, st.integers(1, 4), st.data())
def test_changing_list_shows_each_lasting_row_once(rows: set[tuple[int, str]], limit: int, data: st.DataObject) -> None:
    """Rows come and go between the pages; a row that is there throughout is on exactly one of them."""
    lasting, listed = set(rows), list[tuple[int, str]]()
    paging = Paging(1, limit)
    for _ in range(100):
        result = _list(rows, paging)
        listed += result["items"]
        if result["next_cursor"] is None:
            break
        paging = Paging(1, limit, result["next_cursor"])
        gone = data.draw(st.sets(st.sampled_from(sorted(rows)))) if rows else set()
        rows = (rows - gone) | data.draw(ROWS)
        lasting -= gone

    assert result["next_cursor"] is None
    assert [row for row in listed if row in lasting] == sorted(lasting)
    assert len(set(listed)) == len(listed)


def _list(rows: set[tuple[int, str]], paging: Paging) -> dict[str, Any]:
    """A store: what follows the position, in order, one more than the page."""
    after = tuple(BY_PRICE.position(paging.cursor)) if paging.cursor else (-1, "")
    ordered = sorted(row for row in rows if row > after)
    return BY_PRICE.page(ordered[: paging.fetched], len(rows), paging, lambda row: row)


@given(
    st.datetimes(timezones=st.just(UTC)), st.floats(0, 5), st.text(max_size=200).filter(lambda text: "\0" not in text)
)
def test_position_keeps_values_of_all_kinds(at: datetime, rating: float, title: str) -> None:
    values = [at, rating, title, new_id()]

    cursor = OF_ALL_KINDS.cursor(values)

    assert OF_ALL_KINDS.position(cursor) == values
    assert len(cursor) <= 2_000


@pytest.mark.parametrize(
    "position",
    [
        [],
        ["things:price"],
        ["things:price", 1],
        ["things:price", 1, "a", "b"],
        ["things:title", 1, "a"],
        [None, 1, "a"],
        ["things:price", "1", "a"],
        ["things:price", True, "a"],
        ["things:price", 1.5, "a"],
        ["things:price", 2**63, "a"],
        ["things:price", {"$gt": ""}, "a"],
        ["things:price", 1, {"$gt": ""}],
        ["things:price", 1, "a\0"],
        ["things:price", 1, "a" * 1001],
    ],
)
def test_position_of_another_list_is_refused(position: list[object]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        BY_PRICE.position(encode_cursor(position))

    assert refused.value.details == [{"field": "cursor", "message": "is not a cursor of this list"}]


@pytest.mark.parametrize("value", [2**62, -(2**62), "2026-01-31T12:00:00Z", None, True, 1.5])
def test_moment_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ValidationFailed):
        Keyset("times", (SortKey("at", DESCENDING, "moment"),)).position(encode_cursor(["times", value]))


def test_cursor_has_microseconds() -> None:
    at = EPOCH + timedelta(days=20_000, microseconds=1)
    times = Keyset("times", (SortKey("at", DESCENDING, "moment"),))

    assert times.position(times.cursor([at])) == [at]
