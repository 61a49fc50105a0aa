"""Amounts in major units, as the schema's `price` has them."""

from typing import Any

from schemas.codes import minor_unit_digits


def major_units(money: dict[str, Any]) -> float:
    """`{"amount": 1999, "currency": "USD"}` → 19.99."""
    return float(money["amount"]) / 10.0 ** minor_unit_digits(money["currency"])
