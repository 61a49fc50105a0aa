"""Grants and links for files: signed permissions that the gateway and the files service exchange.

File contents travel over HTTP as a stream between the two; RPC carries only metadata (ADR 0017).
"""

import base64
import time
from typing import Any, Final

import orjson

from schemas.signed.signing import is_signed, sign

PATH: Final = "/files"
"""On the port of the files service, beside its health."""
GRANT_HEADER: Final = "X-Ultramarket-Grant"
GRANT_SECONDS: Final = 120
PUBLIC_PATH: Final = "/api/v1/files"
CHUNK_BYTES: Final = 65_536
FORM_BYTES: Final = 65_536
"""Bytes of a form allowed beside its file."""


class InvalidGrant(ValueError):
    """A grant with a wrong signature, or one that has expired."""


def sign_grant(secret: bytes, claims: dict[str, Any]) -> str:
    """The value of `GRANT_HEADER`: claims about who sends or requests a file, signed, good for `GRANT_SECONDS`."""
    body = base64.urlsafe_b64encode(orjson.dumps(claims | {"until": int(time.time()) + GRANT_SECONDS})).decode()
    return f"{body}.{sign(secret, 'file-grant', body)}"


def verify_grant(secret: bytes, header: str) -> dict[str, Any]:
    """The claims of a grant. Raises `InvalidGrant`."""
    body, _, signature = header.rpartition(".")
    if not is_signed(signature, secret, "file-grant", body):
        raise InvalidGrant("The signature is not valid")
    claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body))
    if claims["until"] < time.time():
        raise InvalidGrant("The grant has expired")
    return claims


def sign_link(secret: bytes, file_id: str, expires: int) -> str:
    """The signature of a link to a private file that is valid until `expires` (Unix time in seconds)."""
    return sign(secret, "file-link", file_id, str(expires))


def link_is_valid(secret: bytes, file_id: str, expires: int, signature: str, now: float) -> bool:
    """Whether a link's signature is ours and it has not expired at `now` (Unix time in seconds)."""
    return now < expires and is_signed(signature, secret, "file-link", file_id, str(expires))
