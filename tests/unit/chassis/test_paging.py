"""Paging by number, and opaque cursors."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common.errors import ValidationFailed
from services.chassis.common.paging import Paging, decode_cursor, encode_cursor, page


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
