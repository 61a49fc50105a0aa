"""Links that say by themselves whose they are: for one-click unsubscribing (RFC 8058) without signing in."""

import base64
import hmac

from services.chassis.common.errors import NotFound


def token(recipient: str, kind: str, secret: bytes) -> str:
    """Names a person and a kind of message; nobody else can make one."""
    said = base64.urlsafe_b64encode(f"{kind} {recipient}".encode()).decode().rstrip("=")
    return f"{said}.{_signature(said, secret)}"


def read(shown: str, secret: bytes) -> tuple[str, str]:
    """(recipient, kind) of a token. Raises `NotFound` for one that isn't ours."""
    said, _, signature = shown.partition(".")
    if not hmac.compare_digest(signature, _signature(said, secret)):
        raise NotFound("There is no such link")
    kind, _, recipient = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)).decode().partition(" ")
    return recipient, kind


def _signature(said: str, secret: bytes) -> str:
    digest = hmac.digest(secret, b"unsubscribe " + said.encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:18]).decode()
