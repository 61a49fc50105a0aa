"""Formatting of amounts, addresses and single lines."""

import re
from copy import copy
from decimal import Decimal
from typing import Any, Final

from babel import Locale

from schemas.codes import minor_unit_digits

CITY_FIRST: Final = frozenset({"US", "CA", "GB", "IE", "AU", "NZ", "IN"})
"""Countries that write the postal code after the city (Universal Postal Union, S42)."""

_CODE_NEXT_TO_DIGIT: Final = re.compile(r"(?<=[A-Za-z])(?=\d)")
"""Where CLDR's currency spacing, which Babel does not apply, inserts a no-break space: KWD 1.500."""


def format_amount(amount: int, currency: str, language: str = "en") -> str:
    """An amount in minor units as text in a language (CLDR): $1,234.50; in German 1.234,50 $."""
    digits = minor_unit_digits(currency)
    locale = Locale.parse(language, sep="-")
    pattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    value = Decimal(amount).scaleb(-digits)
    formatted = pattern.apply(value, locale, currency=currency, currency_digits=False)
    return _CODE_NEXT_TO_DIGIT.sub("\N{NO-BREAK SPACE}", formatted)


def country_name(code: str, language: str = "en") -> str:
    """The name of a country (ISO 3166-1 alpha-2) in a language; the code itself if it is unknown."""
    return str(Locale.parse(language, sep="-").territories.get(code, code))


def address_lines(address: dict[str, Any]) -> list[str]:
    """A postal address in lines, in the order of its country; the last line is the country code."""
    code, city, region = (address.get(name) or "" for name in ("postal_code", "city", "region"))
    if address.get("country") in CITY_FIRST:
        place = f"{city}, {region} {code}" if region else f"{city} {code}"
    else:
        place = f"{code} {city}, {region}" if region else f"{code} {city}"
    lines = (address.get("name"), address.get("line1"), address.get("line2"), place.strip(), address.get("country"))
    return [line for line in lines if line]


def one_line(text: str) -> str:
    """The text as one printable line, for headers and headings."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
