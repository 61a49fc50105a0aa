"""Amounts as text."""

from typing import Any

from services.notifications.domain.formatting import DECIMALS


def format_money(value: dict[str, Any]) -> str:
    """An amount with the decimals of its currency, as in `1,019.99 USD`."""
    decimals = DECIMALS.get(value["currency"], 2)
    return f"{value['amount'] / 10**decimals:,.{decimals}f} {value['currency']}"
