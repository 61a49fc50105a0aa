"""Pages by number, and cursors that only we can have made."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.paging import Paging, decode_cursor, encode_cursor, page


def test_a_page_begins_where_the_one_before_ended() -> None:
    assert [Paging(number, 20).offset for number in (1, 2, 10)] == [0, 20, 180]


def test_a_page_says_where_it_stands_in_the_whole() -> None:
    assert page(["a"], 41, Paging(3, 20), "next") == {
        "items": ["a"],
        "page": 3,
        "limit": 20,
        "total": 41,
        "next_cursor": "next",
    }


@given(st.lists(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), max_size=4))
def test_a_cursor_brings_back_what_it_was_made_of(position: list[object]) -> None:
    cursor = encode_cursor(position)

    assert decode_cursor(cursor) == position
    assert "=" not in cursor


@pytest.mark.parametrize("cursor", ["", "x", "????", "bm90IGpzb24", "eyJhIjoxfQ", "é", "\x00", "WzFd=garbage"])
def test_anything_else_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        decode_cursor(cursor)

    assert refused.value.details == [{"field": "cursor", "message": "is not a cursor of this list"}]


@given(st.text())
def test_no_cursor_is_a_crash(cursor: str) -> None:
    with contextlib.suppress(ValidationFailed):
        assert isinstance(decode_cursor(cursor), list)
