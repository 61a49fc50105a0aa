"""What the gateway and the files service agree on: where bytes are sent, on whose word, and links that expire.

Bytes travel over HTTP from one to the other, in a stream; RPC carries words only (ADR 0017).
"""

import base64
import time
from typing import Any, Final

import orjson

from services.chassis.errors import Forbidden
from services.chassis.signing import is_signed, sign

PATH: Final = "/files"
"""On the port of the files service, beside its health."""
GRANT_HEADER: Final = "X-Ultramarket-Grant"
GRANT_SECONDS: Final = 120
PUBLIC_PATH: Final = "/api/v1/files"
CHUNK_BYTES: Final = 65_536


def grant(secret: bytes, said: dict[str, Any]) -> str:
    """On whose behalf a stream is sent or asked for, signed: only the gateway may say so."""
    body = base64.urlsafe_b64encode(orjson.dumps(said | {"until": int(time.time()) + GRANT_SECONDS})).decode()
    return f"{body}.{sign(secret, 'file-grant', body)}"


def granted(secret: bytes, header: str) -> dict[str, Any]:
    """What a grant says. Raises `Forbidden` for one that is not ours or is over."""
    body, _, signature = header.rpartition(".")
    if not is_signed(signature, secret, "file-grant", body):
        raise Forbidden("This is for the gateway")
    said: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body))
    if said["until"] < time.time():
        raise Forbidden("This grant is over")
    return said


def link_signature(secret: bytes, file_id: str, expires: int) -> str:
    """What makes a link to a private file open it until `expires` (Unix time)."""
    return sign(secret, "file-link", file_id, str(expires))


def link_is_good(secret: bytes, file_id: str, expires: int, signature: str, now: float) -> bool:
    """Whether a link is ours and not over; nobody has to be asked."""
    return now < expires and is_signed(signature, secret, "file-link", file_id, str(expires))
