"""Conditional requests (RFC 9110, 8.8 and 13): `ETag`, `If-None-Match`, `If-Match`.

An ETag is `"VERSION-HASH"`: the hash tells whether what we'd send differs in anything, stock included; the version
is what a change is made against.
"""

import hashlib
import re
from typing import Any, Final

from flask import Response, request

from services.chassis.common.errors import PreconditionFailed

_OURS: Final = re.compile(r'(?:W/)?"?(\d{1,18})(?:-[0-9a-f]+)?"?')
"""Weak as well: nginx marks the ETag of a reply that it compresses so. What counts is the version, in either."""


def tagged(response: Response, resource: dict[str, Any]) -> Response:
    """Set the reply's ETag."""
    digest = hashlib.blake2b(response.get_data(), digest_size=8).hexdigest()
    response.headers["ETag"] = f'"{resource["version"]}-{digest}"'
    return response


def unless_known(response: Response, resource: dict[str, Any]) -> Response:
    """Set the reply's ETag; reply 304 if the client has this version."""
    tagged(response, resource)
    response.headers["Cache-Control"] = "no-cache"
    if request.if_none_match.contains_weak(response.headers["ETag"].strip('"')) or request.if_none_match.star_tag:
        response.set_data(b"")
        response.status_code = 304
        del response.headers["Content-Type"], response.headers["Content-Length"]
    return response


def expected_version() -> int | None:
    """The version of `If-Match`; None for any. Raises `PreconditionFailed` for a malformed one."""
    sent = request.headers.get("If-Match")
    if sent is None or sent.strip() == "*":
        return None
    ours = _OURS.fullmatch(sent.strip())
    if ours is None:
        raise PreconditionFailed("If-Match does not name a version of ours")
    return int(ours[1])
