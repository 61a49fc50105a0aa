"""An order's events without the person who ordered: what the books need stays."""

from typing import Any, Final

ERASED: Final = "erased"
KEPT_OF_ADDRESS: Final = ("country", "region")
"""For taxes and statistics (in the EU, article 242a of the VAT directive wants the place of supply kept)."""
_ADDRESSES: Final = ("shipping_address", "billing_address")
_TEXTS: Final = ("note", "reason")
_TEXTS_OF_CUSTOMERS: Final = frozenset(
    {
        "order_placed",
        "order_cancellation_requested",
        "order_cancelled",
        "order_lines_cancellation_requested",
        "order_lines_cancelled",
    }
)


def without_person(envelope: dict[str, Any], email: str, name: str) -> dict[str, Any]:
    """A copy of the event's envelope with this address and name in place of the customer's. Idempotent."""
    data = dict(envelope["data"])
    if "email" in data:
        data["email"] = email
    for field in _ADDRESSES:
        if data.get(field):
            data[field] = _without_person(data[field], name)
    if envelope["type"] in _TEXTS_OF_CUSTOMERS:
        data |= {field: None for field in _TEXTS if field in data}
    return envelope | {"data": data}


def _without_person(address: dict[str, Any], name: str) -> dict[str, Any]:
    kept = {field: address.get(field) for field in KEPT_OF_ADDRESS}
    required = {"name": name, "line1": ERASED, "city": ERASED, "postal_code": ERASED}
    return dict.fromkeys(address) | required | kept
