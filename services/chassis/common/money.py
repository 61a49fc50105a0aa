"""Arithmetic on amounts in minor units: integers all the way, rounded once."""

from collections.abc import Sequence
from fractions import Fraction

BASIS_POINTS = 10_000


def json(amount: int, currency: str) -> dict[str, object]:
    """An amount in the API's form: `{amount, currency}`."""
    return {"amount": amount, "currency": currency}


def percent_of(amount: int, basis_points: int) -> int:
    """`basis_points`/10,000 of an amount, rounded half to even (19 % = 1900)."""
    return round(Fraction(amount * basis_points, BASIS_POINTS))


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Share an amount out by weights so that the parts add up to it exactly (largest remainder method).

    All weights zero: by equal parts. Raises `ValueError` for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights must be given and not be negative")
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    exact = [Fraction(amount * weight, total) for weight in weights]
    parts = [int(share // 1) for share in exact]
    missing = amount - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[:missing]:
        parts[index] += 1
    return parts
