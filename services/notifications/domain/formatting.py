"""How amounts, addresses and names read."""

from typing import Any, Final

CURRENCY_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
DECIMALS: Final = {
    **dict.fromkeys(("JPY", "KRW", "CLP", "VND", "ISK", "UGX", "XAF", "XOF", "XPF", "PYG"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217: currencies whose minor unit isn't a hundredth."""

CITY_FIRST: Final = frozenset({"US", "CA", "GB", "IE", "AU", "NZ", "IN"})
"""Countries where the postal code comes after the town (Universal Postal Union, S42)."""


SIGN_LAST: Final = {"de": ("\u00a0", str.maketrans(",.", ".,"))}
"""Languages that write 1.234,50 € (Unicode CLDR): what stands before the sign, and how English marks are swapped."""


def spoken(amount: int, currency: str, language: str = "en") -> str:
    """An amount as a person reads it: $1,234.50; in German 1.234,50 $."""
    decimals = DECIMALS.get(currency, 2)
    whole, part = divmod(abs(amount), 10**decimals)
    figure = f"{whole:,}.{part:0{decimals}d}" if decimals else f"{whole:,}"
    minus = "−" if amount < 0 else ""
    if language in SIGN_LAST:
        space, marks = SIGN_LAST[language]
        return f"{minus}{figure.translate(marks)}{space}{CURRENCY_SIGNS.get(currency, currency)}"
    return f"{minus}{CURRENCY_SIGNS.get(currency, f'{currency} ')}{figure}"


def address_lines(address: dict[str, Any]) -> list[str]:
    """An address as it stands on a parcel; what it doesn't have leaves no gap."""
    code, city, region = (address.get(name) or "" for name in ("postal_code", "city", "region"))
    if address.get("country") in CITY_FIRST:
        place = f"{city}, {region} {code}" if region else f"{city} {code}"
    else:
        place = f"{code} {city}, {region}" if region else f"{code} {city}"
    lines = (address.get("name"), address.get("line1"), address.get("line2"), place.strip(), address.get("country"))
    return [line for line in lines if line]


def one_line(text: str) -> str:
    """What may stand in a header or a heading: no line ends, no control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
