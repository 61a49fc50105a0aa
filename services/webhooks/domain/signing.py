"""Signatures and headers of deliveries.

`X-UltraMarket-Signature: t=1764500000,v1=HEX` where HEX is the HMAC-SHA256 (RFC 2104) of `t + "." + body` under the
subscription's secret. While a secret is being rotated there is a `v1` of each, the newest first.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

PREFIX: Final = "whsec_"
OVERLAP: Final = timedelta(hours=24)
"""How long a secret that was rotated out signs beside the new one."""
SIGNATURE: Final = "X-UltraMarket-Signature"


@dataclass(frozen=True)
class SigningKey:
    """A secret with its id."""

    id: str
    secret: str


def new_secret() -> str:
    """256 random bits behind a prefix that secret scanners recognise."""
    return PREFIX + secrets.token_urlsafe(32)


def signature(body: bytes, keys: Sequence[SigningKey], timestamp: int) -> str:
    """The value of the signature's header."""
    message = f"{timestamp}.".encode() + body
    codes = (hmac.new(key.secret.encode(), message, hashlib.sha256).hexdigest() for key in keys)
    return ",".join((f"t={timestamp}", *(f"v1={code}" for code in codes)))


def headers(
    body: bytes,
    keys: Sequence[SigningKey],
    timestamp: int,
    *,
    event_id: str,
    event_type: str,
    delivery_id: str,
    attempt: int,
) -> dict[str, str]:
    """The headers of an attempt, which is counted from 1."""
    return {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "User-Agent": "UltraMarket-Webhooks/1",
        SIGNATURE: signature(body, keys, timestamp),
        "X-UltraMarket-Key-Id": ",".join(key.id for key in keys),
        "X-UltraMarket-Event-Id": event_id,
        "X-UltraMarket-Event-Type": event_type,
        "X-UltraMarket-Delivery-Id": delivery_id,
        "X-UltraMarket-Attempt": str(attempt),
    }
