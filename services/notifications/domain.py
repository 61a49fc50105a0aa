"""Which message an event asks for, and what it says."""

from dataclasses import dataclass, field
from typing import Any

from schemas.events.auth import UserRegistered
from schemas.events.orders import OrderConfirmed

CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
WITHOUT_MINOR_UNIT = {"JPY", "KRW", "CLP", "VND"}
"""ISO 4217 currencies whose minor unit is the currency itself."""


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
        subject=f"{shop}: order {event.number} is confirmed",
        facts={
            "number": event.number,
            "address": event.shipping_address,
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
            "discount": spoken(totals.discount, currency) if totals.discount else None,
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
        subject=f"Welcome to {shop}, {event.first_name}",
        facts={"first_name": event.first_name},
    )


def spoken(amount: int, currency: str) -> str:
    """An amount as a person reads it: $1,234.50."""
    sign = CURRENCY_SIGNS.get(currency, f"{currency} ")
    if currency in WITHOUT_MINOR_UNIT:
        return f"{sign}{amount:,}"
    return f"{sign}{amount // 100:,}.{amount % 100:02d}"
