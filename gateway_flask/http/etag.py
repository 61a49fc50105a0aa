"""Conditional requests (RFC 9110, 8.8 and 13): `ETag`, `If-None-Match`, `If-Match`.

An ETag is `"VERSION-HASH"`: the hash tells whether what we'd send differs in anything, stock included; the version
is what a change is made against.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flask import Response, request

from gateway_flask.http.envelope import ok
from services.chassis.common.errors import Conflict, PreconditionFailed
from services.chassis.messaging.typed_calls import Reply

_OURS: Final = re.compile(r'(?:W/)?"?(\d{1,18})(?:-[0-9a-f]+)?"?')
"""Weak as well: nginx marks the ETag of a reply that it compresses so. What counts is the version, in either."""


def tagged(response: Response, resource: dict[str, Any]) -> Response:
    """Set the reply's ETag. A service of the previous version may not have a version of it yet: then there is none."""
    if "version" not in resource:
        return response
    digest = hashlib.blake2b(response.get_data(), digest_size=8).hexdigest()
    response.headers["ETag"] = f'"{resource["version"]}-{digest}"'
    return response


def versioned(resource: Reply[Any], message: str, status: int = 200) -> Response:
    """A successful reply with the resource's ETag."""
    return tagged(ok(resource, message, status), resource.json)


@contextmanager
def based_on(version: int) -> Iterator[None]:
    """A change whose body names the version it is based on: with `If-Match`, a stale one is 412 instead of 409."""
    expected = expected_version()
    if expected not in (None, version):
        raise PreconditionFailed(details=[{"field": "If-Match", "message": f"the body names version {version}"}])
    try:
        yield
    except Conflict as conflict:
        if expected is None or all(detail.get("field") != "version" for detail in conflict.details):
            raise
        raise PreconditionFailed(details=[{"field": "If-Match", "message": "is not the current version"}]) from conflict


def expected_version() -> int | None:
    """The version of `If-Match`; None for any. Raises `PreconditionFailed` for a malformed one."""
    sent = request.headers.get("If-Match")
    if sent is None or sent.strip() == "*":
        return None
    ours = _OURS.fullmatch(sent.strip())
    if ours is None:
        raise PreconditionFailed("If-Match does not name a version of ours")
    return int(ours[1])
