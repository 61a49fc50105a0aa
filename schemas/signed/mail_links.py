"""One-time tokens in mailed links: an event carries the token's name, the instance's secret completes it.

So nobody who reads an event, a queue or an outbox can use the link (ADR 0023). The sender of the mail and the service
that redeems the link both have the secret.
"""

import base64
import hmac


def one_time_token(name: str, secret: bytes) -> str:
    """The token that the link carries. `name` is random and unique to this link."""
    digest = hmac.digest(secret, b"ticket " + name.encode(), "sha256")
    return f"{name}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
