"""Amounts in minor units: exact splitting, and rounding of percentages half to even."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.common import money

amounts = st.integers(-(10**12), 10**12)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)


@given(amounts, weights)
def test_split_adds_up_within_a_cent_of_each_share(amount: int, shares: list[int]) -> None:
    parts = money.split(amount, shares)

    assert sum(parts) == amount
    total = sum(shares)
    for part, share in zip(parts, shares, strict=True):
        exact = Fraction(amount * share, total) if total else Fraction(amount, len(shares))
        assert abs(part - exact) < 1


@pytest.mark.parametrize(
    ("amount", "shares", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (100, [0, 0], [50, 50]),
        (1, [1, 2], [0, 1]),
        (-100, [1, 1, 1], [-33, -33, -34]),
        (0, [5], [0]),
    ],
)
def test_remainder_goes_to_the_largest_remainders(amount: int, shares: list[int], parts: list[int]) -> None:
    assert money.split(amount, shares) == parts


@pytest.mark.parametrize("shares", [[], [1, -1]])
def test_split_refuses_missing_and_negative_weights(shares: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        money.split(100, shares)


@pytest.mark.parametrize(
    ("amount", "basis_points", "result"),
    [(1000, 1900, 190), (50, 100, 0), (150, 100, 2), (250, 100, 2), (-150, 100, -2), (0, 1900, 0), (999, 0, 0)],
)
def test_percentage_is_rounded_half_to_even(amount: int, basis_points: int, result: int) -> None:
    assert money.percent_of(amount, basis_points) == result


@given(amounts, st.integers(0, 10_000))
def test_percentage_is_within_half_a_cent(amount: int, basis_points: int) -> None:
    assert abs(money.percent_of(amount, basis_points) - Fraction(amount * basis_points, 10_000)) <= Fraction(1, 2)


def test_amount_is_written_with_its_currency() -> None:
    assert money.json(1999, "USD") == {"amount": 1999, "currency": "USD"}
