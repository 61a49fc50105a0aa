"""Links in mails: an event names the link, the instance's secret makes it.

So what an analyst, a queue or an outbox sees of it opens nothing (ADR 0023). Who sends the mail and who takes the link
back both have the secret.
"""

import base64
import hmac


def ticket(name: str, secret: bytes) -> str:
    """What the link carries. `name` is random and belongs to this link alone."""
    digest = hmac.digest(secret, b"ticket " + name.encode(), "sha256")
    return f"{name}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
