"""Product rows of the public import, and what the converters of all file formats share."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

CURRENCY: Final = "USD"
"""Currency of prices that come without one."""

Row = dict[str, Any]


class Unreadable(ValueError):
    """The file, or one line of it, cannot be parsed."""


def minor_units(price: Any) -> int:
    """A decimal price in minor units; half a cent is rounded up."""
    return int((Decimal(str(price)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
