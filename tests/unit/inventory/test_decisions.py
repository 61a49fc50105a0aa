"""Refusals of a repeated or committed reservation, with their messages."""

from typing import Any

import pytest

from services.chassis.common.errors import Conflict, InvalidState
from services.inventory.domain import Line, ReservationState, Stock, allocate, check_repeated, on_commit

LINES = [Line("MUG", 1)]


@pytest.mark.parametrize(("reason", "word"), [("expired", "expired"), ("", "released")])
def test_refused_reserve_names_the_release_reason(reason: Any, word: str) -> None:
    with pytest.raises(InvalidState, match=f"^The reservation of this order is over: {word}$"):
        check_repeated(ReservationState("released", reason), LINES, LINES)


def test_other_lines_of_one_order_conflict() -> None:
    with pytest.raises(Conflict, match=r"^Other lines are reserved for this order$"):
        check_repeated(ReservationState("held"), LINES, [Line("MUG", 2)])


@pytest.mark.parametrize(("reason", "word"), [("returned", "returned"), ("", "released")])
def test_refused_commit_names_the_release_reason(reason: Any, word: str) -> None:
    with pytest.raises(InvalidState, match=f"^The reservation of this order is over: {word}$"):
        on_commit(ReservationState("released", reason))


def test_last_unit_of_a_warehouse_is_taken() -> None:
    takes = allocate("MUG", 3, [Stock("one", 2), Stock("two", 1)])

    assert [(take.warehouse, take.quantity) for take in takes] == [("one", 2), ("two", 1)]
