"""Signed tokens of unsubscribe links (RFC 8058, one click without signing in)."""

import base64
import hmac

from services.chassis.common.errors import NotFound


def create(recipient: str, kind: str, secret: bytes) -> str:
    """Create a token for a recipient and a kind of message, signed with HMAC-SHA256."""
    payload = base64.urlsafe_b64encode(f"{kind} {recipient}".encode()).decode().rstrip("=")
    return f"{payload}.{_signature(payload, secret)}"


def parse(token: str, secret: bytes) -> tuple[str, str]:
    """Parse a token: (recipient, kind). Raises `NotFound` for anything that `create` has not made."""
    if not token.isascii():
        raise NotFound("There is no such link")
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload, secret).encode()):
        raise NotFound("There is no such link")
    kind, _, recipient = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode().partition(" ")
    return recipient, kind


def _signature(payload: str, secret: bytes) -> str:
    digest = hmac.digest(secret, b"unsubscribe " + payload.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()
