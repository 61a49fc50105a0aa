"""HMAC signatures with the instance's secret, one key per purpose."""

import base64
import hashlib
import hmac


def sign(secret: bytes, purpose: str, *parts: str) -> str:
    """Sign the parts for one purpose; the signature is not valid for another purpose."""
    key = hmac.digest(secret, f"ultramarket:{purpose}".encode(), hashlib.sha256)
    message = "\n".join(parts).encode()
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode().rstrip("=")


def is_signed(signature: str, secret: bytes, purpose: str, *parts: str) -> bool:
    """Whether the signature is valid for these parts, compared in constant time."""
    return hmac.compare_digest(signature.encode(), sign(secret, purpose, *parts).encode())
