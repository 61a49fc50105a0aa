"""Amounts at Stripe's boundary: https://docs.stripe.com/currencies#special-cases."""

import pytest

from services.payments.providers.stripe_amounts import AmountNotSupported, from_stripe, to_stripe


@pytest.mark.parametrize(
    ("currency", "ours", "stripes"),
    [
        ("USD", 1999, 1999),
        ("JPY", 500, 500),
        ("KWD", 5120, 5120),
        ("ISK", 500, 50_000),
        ("UGX", 500, 50_000),
        ("MGA", 500, 5),
        ("HUF", 1999, 1999),
        ("TWD", 1999, 1999),
    ],
)
def test_amount_is_converted_and_back(currency: str, ours: int, stripes: int) -> None:
    assert to_stripe(ours, currency) == stripes
    assert from_stripe(stripes, currency) == ours


@pytest.mark.parametrize(("currency", "amount"), [("KWD", 5124), ("BHD", 1), ("MGA", 550)])
def test_amount_between_stripes_steps_is_refused(currency: str, amount: int) -> None:
    with pytest.raises(AmountNotSupported):
        to_stripe(amount, currency)
