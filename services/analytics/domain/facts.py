"""Facts: what a Kafka record states about an order, session, payment, SKU, label or flag. Others are skipped."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from schemas.events.base import version_of

Data = dict[str, Any]
ORDER, SESSION, PAYMENT, STOCK, LABEL, FLAG = "orders", "sessions", "payments", "stock", "labels", "flags"
DISPUTE: Final = "disputes"
MAX_TEXT: Final = 200
MAX_NUMBER: Final = 2**53
"""Upper limit of amounts; sums of such numbers still fit into 64 bits."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The statement of an event about one entity (`kind` and `id`)."""

    kind: str
    id: str
    name: str
    at: datetime
    """Whole milliseconds, the precision of MongoDB."""
    sequence: int
    event_id: str
    data: Data


class Skipped(Exception):
    """The record is not counted. `reason`: `malformed`, `unknown_version`, or `ignored` (a type without figures)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_record(value: bytes | None) -> Fact:
    """Parse a Kafka record (a CloudEvents envelope). Raises `Skipped`."""
    try:
        envelope = orjson.loads(value or b"")
        extractor = EXTRACTORS.get((envelope["source"], envelope["type"]))
        if extractor is None:
            raise Skipped("ignored")
        kind, version, extract = extractor
        if version_of(envelope) > version:
            raise Skipped("unknown_version")
        at = datetime.fromisoformat(envelope["time"])
        if at.tzinfo is None:
            raise ValueError("time without UTC offset")
        at = at.astimezone(UTC)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        data = extract(envelope["data"])
        subject = str(data.pop("_id", None) or envelope["subject"])
        return Fact(kind, subject, envelope["type"], at, _int(envelope.get("sequence") or 0), str(envelope["id"]), data)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as malformed:
        raise Skipped("malformed") from malformed


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:MAX_TEXT]


def _int(value: Any) -> int:
    number = int(value)
    if abs(number) > MAX_NUMBER:
        raise ValueError("number out of range")
    return number


def _currency(value: Any) -> str:
    if not (isinstance(value, str) and len(value) == 3 and value.isalpha()):
        raise ValueError("not a currency code")
    return value


def customer_key(user_id: Any, email: Any) -> str:
    """The customer's key in the figures: the account id, or for guests a digest of the e-mail address."""
    if user_id:
        return str(user_id)
    return "guest:" + hashlib.blake2b(str(email).strip().lower().encode(), digest_size=8).hexdigest()


def _buyer(data: Data) -> Data:
    return {
        "user": _text(data["user_id"]),
        "cart": str(data["cart_id"]),
        "customer": customer_key(data["user_id"], data["email"]),
    }


def _order_placed(data: Data) -> Data:
    vendors = {str(line["vendor_id"]) for line in data["items"] if line.get("vendor_id")}
    return _buyer(data) | {"vendors": sorted(vendors)}


def _order_confirmed(data: Data) -> Data:
    totals = data["totals"]
    return _buyer(data) | {
        "email": None if data["user_id"] else _text(data["email"]),
        "number": str(data["number"]),
        "currency": _currency(data["currency"]),
        "country": str(data["shipping_address"].get("country") or "??"),
        "discount": _int(totals["discount"]),
        "shipping": _int(totals["shipping"]),
        "tax": _int(totals["tax"]),
        "total": _int(totals["total"]),
        "lines": [_order_line(line) for line in data["items"]],
    }


def _order_line(line: Data) -> Data:
    return {
        "p": str(line["product_id"]),
        "k": str(line.get("category") or ""),
        "v": str(line.get("vendor_id") or ""),
        "u": _int(line["quantity"]),
        "g": _int(line["line_total"]),
        "x": _int(line.get("tax") or 0),
        "title": str(line["title"])[:MAX_TEXT],
    }


def _order_refunded(data: Data) -> Data:
    return {"refunded": _int(data["refunded"])}


def _order_shipped(data: Data) -> Data:
    return {"carrier": str(data["carrier"])[:MAX_TEXT]}


def _no_data(_data: Data) -> Data:
    return {}


def _payment(data: Data) -> Data:
    return {
        "provider": str(data["provider"]),
        "currency": _currency(data["currency"]),
        "amount": _int(data["amount"]),
        "code": _text(data.get("decline_code")),
    }


def _dispute(data: Data) -> Data:
    return {
        "_id": str(data["dispute_id"]),
        "currency": _currency(data["currency"]),
        "amount": _int(data["amount"]),
        "outcome": str(data.get("outcome") or "opened")[:MAX_TEXT],
    }


def _stock(data: Data) -> Data:
    return {"on_hand": _int(data["on_hand"]), "available": _int(data["available"])}


def _product(data: Data) -> Data:
    return {
        "_id": f"product:{data['product_id']}",
        "label": str(data["title"])[:MAX_TEXT],
        "vendor": _text(data.get("vendor_id")),
        "category": _text(data.get("category")),
        "skus": [str(sku) for sku in data["skus"]],
        "price": _int(data.get("price") or 0),
        "currency": str(data.get("currency") or ""),
    }


def _category(data: Data) -> Data:
    return {"_id": f"category:{data['slug']}", "label": str(data["name"])[:MAX_TEXT]}


def _behaviour(data: Data) -> Data:
    return {
        "user": _text(data.get("user_id")),
        "cart": _text(data.get("cart_id")),
        "product": _text(data.get("product_id")),
        "sku": _text(data.get("sku")),
        "query": " ".join(str(data["query"]).lower().split())[:MAX_TEXT] if data.get("query") else None,
        "results": None if data.get("results") is None else _int(data["results"]),
        "position": None if data.get("position") is None else _int(data["position"]),
        "quantity": _int(data.get("quantity") or 1),
        "network": _text(data.get("network")),
        "anonymous": data.get("consent") is False,
    }


def _flag_exposed(data: Data) -> Data:
    return {
        "user": _text(data.get("user_id")),
        "flag": str(data["flag"])[:MAX_TEXT],
        "value": str(data["value"])[:MAX_TEXT],
    }


Extract = Callable[[Data], Data]
EXTRACTORS: Final[dict[tuple[str, str], tuple[str, int, Extract]]] = {
    ("/orders", "order_placed"): (ORDER, 1, _order_placed),
    ("/orders", "order_confirmed"): (ORDER, 1, _order_confirmed),
    ("/orders", "order_payment_reversed"): (ORDER, 1, _order_refunded),
    ("/orders", "order_payment_refunded"): (ORDER, 1, _order_refunded),
    ("/orders", "order_shipped"): (ORDER, 1, _order_shipped),
    ("/orders", "order_delivered"): (ORDER, 1, _no_data),
    ("/payments", "payment_authorized"): (PAYMENT, 1, _payment),
    ("/payments", "payment_action_required"): (PAYMENT, 1, _payment),
    ("/payments", "payment_declined"): (PAYMENT, 1, _payment),
    ("/payments", "payment_captured"): (PAYMENT, 1, _payment),
    ("/payments", "payment_dispute_opened"): (DISPUTE, 1, _dispute),
    ("/payments", "payment_dispute_closed"): (DISPUTE, 1, _dispute),
    ("/inventory", "stock_changed"): (STOCK, 1, _stock),
    ("/inventory", "stock_committed"): (STOCK, 1, _stock),
    ("/products", "product_created"): (LABEL, 1, _product),
    ("/products", "product_updated"): (LABEL, 1, _product),
    ("/products", "product_archived"): (LABEL, 1, _product),
    ("/products", "category_changed"): (LABEL, 1, _category),
    ("/behaviour", "page_viewed"): (SESSION, 1, _behaviour),
    ("/behaviour", "product_viewed"): (SESSION, 1, _behaviour),
    ("/behaviour", "cart_added"): (SESSION, 1, _behaviour),
    ("/behaviour", "search_performed"): (SESSION, 1, _behaviour),
    ("/behaviour", "result_clicked"): (SESSION, 1, _behaviour),
    ("/behaviour", "custom_tracked"): (SESSION, 1, _behaviour),
    ("/behaviour", "session_identified"): (SESSION, 1, _behaviour),
    ("/behaviour", "flag_exposed"): (FLAG, 1, _flag_exposed),
}
"""By event source and type: the kind of fact, the newest supported version, and the function that extracts its data."""
