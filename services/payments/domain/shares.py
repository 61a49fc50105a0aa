"""Shares of an amount: goods, tax and shipping, exact to the minor unit."""

from dataclasses import dataclass
from typing import Self

from services.chassis.common.money import split


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

    def part(self, amount: int) -> "Shares":
        """Share a part of the total out in proportion, by largest remainder; no share exceeds what is there.

        Taking parts of what is left, one after the other, ends at zero in each share: the shares of a capture's
        refunds add up to exactly those of the capture. Shares of the running total would not do: by largest remainder
        a share may shrink while the total grows (Alabama paradox), and a refund's share would be negative.
        """
        if not 0 <= amount <= self.total:
            raise ValueError(f"{amount} is no part of {self.total}")
        return Shares(*split(amount, (self.goods, self.tax, self.shipping)))


NOTHING = Shares(0, 0, 0)
