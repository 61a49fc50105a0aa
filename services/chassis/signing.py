"""Texts that only holders of the instance's secret can have written: links that expire, words between processes."""

import base64
import hashlib
import hmac


def sign(secret: bytes, purpose: str, *parts: str) -> str:
    """The signature of these parts; one that was made for another purpose is worth nothing here."""
    key = hmac.digest(secret, f"ultramarket:{purpose}".encode(), hashlib.sha256)
    said = "\n".join(parts).encode()
    return base64.urlsafe_b64encode(hmac.digest(key, said, hashlib.sha256)).decode().rstrip("=")


def is_signed(signature: str, secret: bytes, purpose: str, *parts: str) -> bool:
    """Whether that is the signature of these parts; takes as long for a wrong one."""
    return hmac.compare_digest(signature.encode(), sign(secret, purpose, *parts).encode())
