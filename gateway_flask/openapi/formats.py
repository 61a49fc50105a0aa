"""Formats of ids and times in replies: their models have `str`, since replies pass from service to client as JSON."""

from collections.abc import Iterator
from typing import Any, Final

UUIDS: Final = frozenset({
    "AccountEntry", "AddressEntry", "ApiKeyEntry", "Category", "CategoryNode", "CategoryRef", "ListItem",
    "Erasure", "ErasureProgress", "Export",
    "NewApiKey", "Order", "OrderPayment", "OrderShipment", "OrderSummary", "Payment", "PreviewItem",
    "ProductDetail", "Profile", "Report", "Review", "SearchItem", "SessionEntry", "Shipment",
    "StoredFile", "SuggestedProduct", "User", "WebhookDelivery", "WebhookKey", "WebhookSubscription",
    "WebhookWithSecret",
})  # fmt: skip
"""Schemas whose `id` is a UUID. Others, such as of tax rates and messages, have ids of their own form."""
UUID_REFERENCES: Final = frozenset({"order_id", "owner_id", "payment_id", "report_id"})
NO_TIMES: Final = frozenset({"TrackRequest"})
"""Schemas whose times are taken as any text and checked one by one."""
MONEY: Final = frozenset({"Money", "Price"})


def describe(schemas: dict[str, dict[str, Any]], codes: list[str]) -> None:
    """Add what the models don't say: formats, an example of money, the codes of errors."""
    for name, schema in schemas.items():
        for field, property_ in schema.get("properties", {}).items():
            if (field == "id" and name in UUIDS) or field in UUID_REFERENCES:
                _set_format(property_, "uuid")
            if (field == "at" or field.endswith("_at")) and name not in NO_TIMES:
                _set_format(property_, "date-time")
        if name in MONEY:
            schema["properties"]["amount"]["examples"] = [1599]
            schema["properties"]["currency"]["examples"] = ["USD"]
    schemas["Error"]["properties"]["code"]["enum"] = codes


def _set_format(property_: dict[str, Any], format_: str) -> None:
    for text in _texts(property_):
        text.setdefault("format", format_)


def _texts(property_: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The alternatives of a property that are text of no form yet."""
    for alternative in (property_, *property_.get("anyOf", [])):
        if alternative.get("type") == "string" and not {"pattern", "enum", "const"} & set(alternative):
            yield alternative
