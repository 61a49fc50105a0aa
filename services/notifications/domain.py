"""Which message an event asks for, and what it says."""

from dataclasses import dataclass, field
from typing import Any, Final

from schemas.events.auth import UserRegistered
from schemas.events.orders import OrderConfirmed

CURRENCY_SIGNS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
DECIMALS: Final = {
    **dict.fromkeys(("JPY", "KRW", "CLP", "VND", "ISK", "UGX", "XAF", "XOF", "XPF", "PYG"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217: currencies whose minor unit isn't a hundredth."""

CITY_FIRST: Final = frozenset({"US", "CA", "GB", "IE", "AU", "NZ", "IN"})
"""Countries where the postal code comes after the town (Universal Postal Union, S42)."""


@dataclass(frozen=True)
class Message:
    """One message to one person over one channel. The id makes it one, however often its event comes."""

    id: str
    kind: str
    channel: str
    recipient: str
    """The account's id, or the guest's address."""
    to: str
    subject: str
    facts: dict[str, Any] = field(default_factory=dict)
    """What the template needs."""


def order_confirmation(event: OrderConfirmed, shop: str) -> Message:
    """Thank you for your order."""
    currency, totals = event.currency, event.totals
    return Message(
        id=f"{event.meta.id}:email",
        kind="order_confirmed",
        channel="email",
        recipient=event.user_id or event.email,
        to=event.email,
        subject=one_line(f"{shop}: order {event.number} is confirmed"),
        facts={
            "number": event.number,
            "address": address_lines(event.shipping_address),
            "method": event.shipping_method.replace("_", " ").replace("-", " ").capitalize(),
            "lines": [
                {
                    "title": line.title,
                    "quantity": line.quantity,
                    "unit_price": spoken(line.unit_price, currency),
                    "total": spoken(line.line_total, currency),
                }
                for line in event.items
            ],
            "subtotal": spoken(totals.subtotal, currency),
            "discount": spoken(-totals.discount, currency) if totals.discount else None,
            "shipping": spoken(totals.shipping, currency) if totals.shipping else "free",
            "tax": spoken(totals.tax, currency),
            "total": spoken(totals.total, currency),
        },
    )


def welcome(event: UserRegistered, shop: str) -> Message:
    """Welcome to the shop."""
    return Message(
        id=f"{event.meta.id}:email",
        kind="welcome",
        channel="email",
        recipient=event.user_id,
        to=event.email,
        subject=one_line(f"Welcome to {shop}, {event.first_name}"),
        facts={"first_name": one_line(event.first_name)},
    )


def spoken(amount: int, currency: str) -> str:
    """An amount as a person reads it: $1,234.50."""
    decimals = DECIMALS.get(currency, 2)
    whole, part = divmod(abs(amount), 10**decimals)
    figure = f"{whole:,}.{part:0{decimals}d}" if decimals else f"{whole:,}"
    return f"{'−' if amount < 0 else ''}{CURRENCY_SIGNS.get(currency, f'{currency} ')}{figure}"


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
