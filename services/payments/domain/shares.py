"""Shares of an amount: goods, tax and shipping, exact to the minor unit."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

from services.chassis.common.money import split


def take(left: Sequence[int], amount: int, requested: Sequence[int] | None = None) -> tuple[int, ...]:
    """Take `amount` from what is left of several parts: what is `requested` of each as far as it is left, and the rest
    in proportion to what is left then, by largest remainder. No part gets more than is left of it.

    Amounts taken one after the other, in whatever way, therefore end at zero in each part: they add up to exactly the
    whole. Differences of shares of the running total would not do: by largest remainder a share may shrink while the
    total grows (Alabama paradox), and a refund's share would be negative.
    Raises `ValueError` for more than is left.
    """
    if not 0 <= amount <= sum(left):
        raise ValueError(f"{amount} is no part of {sum(left)}")
    taken = [0] * len(left)
    if requested is not None and any(requested):
        fitting = requested if sum(requested) <= amount else split(amount, requested)
        taken = [min(share, there) for share, there in zip(fitting, left, strict=True)]
    rest = [there - share for there, share in zip(left, taken, strict=True)]
    return tuple(map(sum, zip(taken, split(amount - sum(taken), rest), strict=True)))


@dataclass(frozen=True)
class Shares:
    """An amount in its parts, in minor units of one currency."""

    goods: int
    tax: int
    shipping: int

    @property
    def total(self) -> int:
        return self.goods + self.tax + self.shipping

    def __sub__(self, other: Self) -> "Shares":
        return Shares(self.goods - other.goods, self.tax - other.tax, self.shipping - other.shipping)

    def __add__(self, other: Self) -> "Shares":
        return Shares(self.goods + other.goods, self.tax + other.tax, self.shipping + other.shipping)

    def part(self, amount: int, requested: "Shares | None" = None) -> "Shares":
        """The shares of a part of the total: the requested ones as far as they are there, the rest in proportion.

        Raises `ValueError` for more than the total.
        """
        return Shares(*take(astuple(self), amount, astuple(requested) if requested else None))


NOTHING = Shares(0, 0, 0)
