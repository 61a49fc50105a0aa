"""Pseudonymisation of events before they are written to Kafka: records there can't be changed or deleted one by one.

Personal values are removed or replaced; ids of accounts stay, and identify nobody once the account is erased. Mail
addresses become a keyed digest of the same form, so that a guest's orders can still be counted together (ADR 0070).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

Replace = Callable[[Any, bytes], Any]


def _email(value: Any, key: bytes) -> str | None:
    if not isinstance(value, str):
        return None
    digest = hmac.digest(key, b"kafka address\n" + value.strip().lower().encode(), hashlib.sha256)
    return f"{digest.hex()[:24]}@pseudonym.invalid"


def _blank(_value: Any, _key: bytes) -> str:
    return ""


def _removed(_value: Any, _key: bytes) -> None:
    return None


def _region(value: Any, _key: bytes) -> dict[str, Any]:
    return {name: value.get(name) for name in ("country", "region")} if isinstance(value, Mapping) else {}


PERSONAL_FIELDS: Final[Mapping[str, Replace]] = {
    "email": _email,
    "first_name": _blank,
    "last_name": _blank,
    "phone": _removed,
    "note": _removed,
    "user_agent": _removed,
    "address": _removed,
    "shipping_address": _region,
    "billing_address": _region,
    "url": _blank,
}
"""Fields of events that name or describe a person, and what replaces them. A contract test finds new ones."""
FREE_TEXTS: Final = frozenset(
    {
        "order_cancellation_requested",
        "order_cancelled",
        "order_lines_cancellation_requested",
        "order_lines_cancelled",
        "payment_refunded",
        "shipment_moved",
    }
)
"""Types of events whose `reason` or `message` people write."""
_TEXTS: Final = ("reason", "message")
_RECIPIENT: Final = "recipient"


def pseudonymise(wrapped: dict[str, Any], key: bytes) -> bool:
    """Replace personal values in an envelope, in place; whether anything was replaced."""
    data = wrapped.get("data")
    changed = _reduce_actor(wrapped)
    if not isinstance(data, dict):
        return changed
    for name in data.keys() & PERSONAL_FIELDS.keys():
        if data[name] is not None:
            data[name], changed = PERSONAL_FIELDS[name](data[name], key), True
    if wrapped.get("type") in FREE_TEXTS:
        for name in data.keys() & set(_TEXTS):
            if data[name] is not None:
                data[name], changed = None, True
    if "@" in str(data.get(_RECIPIENT) or ""):
        wrapped["subject"] = data[_RECIPIENT] = _email(data[_RECIPIENT], key)
        changed = True
    return changed


def _reduce_actor(wrapped: dict[str, Any]) -> bool:
    """Leave the roles of the vendor or administrator who requested the change; `userid` names the account."""
    if "actor" not in wrapped:
        return False
    roles = orjson.loads(wrapped["actor"]).get("roles", [])
    wrapped["actor"] = orjson.dumps({"roles": roles}).decode()
    return True
