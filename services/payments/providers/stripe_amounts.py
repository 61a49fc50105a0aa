"""Amounts at Stripe's boundary: its smallest units are not everywhere those of ISO 4217, which are ours.

https://docs.stripe.com/currencies#special-cases
"""

from typing import Final

from schemas.codes import minor_unit_digits

_DIGITS: Final = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Decimals in Stripe's API where they differ from ISO 4217: ISK and UGX are sent as hundredths that must be zero; MGA,
in fifths of an ariary, has no decimals."""
_STEPS: Final = {"ISK": 100, "UGX": 100, **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10)}
"""What an amount in Stripe's units must be a multiple of; of three decimals the last one must be zero."""


class AmountNotSupported(ValueError):
    """Stripe can't move this amount: its currency has larger steps there."""


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units in Stripe's. Raises `AmountNotSupported`."""
    shift = _DIGITS.get(currency, minor_unit_digits(currency)) - minor_unit_digits(currency)
    converted, rest = (amount * 10**shift, 0) if shift >= 0 else divmod(amount, 10**-shift)
    if rest or converted % _STEPS.get(currency, 1):
        raise AmountNotSupported(f"Stripe does not take {amount} minor units of {currency}")
    return converted


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's units in our minor units; half a króna that Stripe may show is rounded down."""
    shift = minor_unit_digits(currency) - _DIGITS.get(currency, minor_unit_digits(currency))
    return amount * 10**shift if shift >= 0 else amount // 10**-shift
