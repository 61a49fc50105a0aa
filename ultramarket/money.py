"""Amounts as text."""

from typing import Any

from schemas.codes import minor_unit_digits


def format_money(value: dict[str, Any]) -> str:
    """An amount with the decimals of its currency, as in `1,019.99 USD`."""
    decimals = minor_unit_digits(value["currency"])
    return f"{value['amount'] / 10**decimals:,.{decimals}f} {value['currency']}"
