"""Allocation of an order to warehouses, and transitions of a reservation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common.errors import Conflict, InvalidState, OutOfStock
from services.inventory.domain import (
    Line,
    ReservationState,
    Stock,
    Take,
    allocate,
    check_repeated,
    merge_lines,
    on_commit,
    on_release,
)

STOCKS = st.lists(st.integers(0, 50), max_size=6).map(
    lambda amounts: [Stock(f"w{index}", amount) for index, amount in enumerate(amounts)]
)


def test_one_warehouse_is_preferred_to_splitting() -> None:
    stocks = [Stock("near", 2), Stock("far", 5)]

    assert allocate("MUG", 3, stocks) == (Take("far", 3),)


def test_warehouse_with_exactly_the_requested_units_is_enough() -> None:
    assert allocate("MUG", 3, [Stock("near", 2), Stock("exact", 3), Stock("far", 9)]) == (Take("exact", 3),)


def test_split_follows_warehouse_priority() -> None:
    stocks = [Stock("near", 2), Stock("far", 3)]

    assert allocate("MUG", 4, stocks) == (Take("near", 2), Take("far", 2))


def test_insufficient_stock_is_refused_with_the_available() -> None:
    with pytest.raises(OutOfStock) as refused:
        allocate("MUG", 6, [Stock("near", 2), Stock("far", 3)])

    assert refused.value.details == [{"sku": "MUG", "requested": 6, "available": 5}]


@given(STOCKS, st.integers(1, 200))
def test_allocation_is_exact_or_refused(stocks: list[Stock], quantity: int) -> None:
    total = sum(stock.available for stock in stocks)
    try:
        takes = allocate("MUG", quantity, stocks)
    except OutOfStock:
        assert total < quantity
        return
    available = {stock.warehouse: stock.available for stock in stocks}
    assert sum(take.quantity for take in takes) == quantity
    assert all(0 < take.quantity <= available[take.warehouse] for take in takes)
    assert len({take.warehouse for take in takes}) == len(takes)


def test_lines_of_one_sku_are_merged() -> None:
    assert merge_lines([Line("B", 1), Line("A", 2), Line("B", 3)]) == (Line("A", 2), Line("B", 4))


def test_released_reservation_is_not_committed() -> None:
    assert on_commit(ReservationState("held")) == "sell"
    assert on_commit(ReservationState("committed")) == "settle"
    assert on_commit(ReservationState("released", "expired")) == "retake"
    for reason in ("released", "returned", "abandoned"):
        with pytest.raises(InvalidState):
            on_commit(ReservationState("released", reason))


def test_release_undoes_a_hold_or_a_sale_once() -> None:
    assert on_release(ReservationState("held")) == "free"
    assert on_release(ReservationState("released", "expired")) == "free"
    assert on_release(ReservationState("committed")) == "return_units"
    assert on_release(ReservationState("released", "returned")) == "nothing"


def test_repeated_reserve_must_have_the_same_lines() -> None:
    lines = [Line("MUG", 1)]
    check_repeated(ReservationState("held"), lines, lines)
    check_repeated(ReservationState("committed"), lines, lines)
    with pytest.raises(Conflict):
        check_repeated(ReservationState("held"), lines, [Line("MUG", 2)])
    with pytest.raises(InvalidState):
        check_repeated(ReservationState("released", "expired"), lines, lines)
