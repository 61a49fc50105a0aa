"""Access keys of guests' orders: derived from the order's id and the instance's secret, so that a repeated command and
the order's mails have the same one.
"""

import hashlib
import hmac


def access_key(secret: bytes, order_id: str) -> str:
    """The key for reading a guest's order."""
    return hmac.new(secret, f"order:{order_id}".encode(), hashlib.sha256).hexdigest()[:40]
