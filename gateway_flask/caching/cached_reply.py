"""A reply as it is cached: encoded, with its headers, and with what it depends on."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from werkzeug.http import parse_etags

_OVERHEAD_BYTES: Final = 1_000
"""Of an entry beside its body, about."""


@dataclass(slots=True)
class CachedReply:
    """A successful reply that is the same for everybody. Times are of the process's monotonic clock."""

    route: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str
    tags: tuple[str, ...]
    facts: dict[str, Any]
    """What the route notes about the reply, for its observers."""
    is_cacheable: bool = True
    is_early: bool = False
    """Whether it is sent without asking its route."""
    began: float = 0.0
    """When its computation began."""
    fresh_until: float = 0.0
    usable_until: float = 0.0
    """Until then it is used while a newer one is computed."""
    compute: Callable[[], "CachedReply"] | None = field(default=None, repr=False)
    """Computes it again."""

    @property
    def size(self) -> int:
        return len(self.body) + _OVERHEAD_BYTES

    def matches(self, if_none_match: str | None) -> bool:
        """Whether a client that sent this `If-None-Match` has the reply."""
        if not if_none_match:
            return False
        tags = parse_etags(if_none_match)
        return tags.star_tag or tags.contains_weak(self.etag.strip('"'))


def digest(body: bytes) -> str:
    """An ETag of a body that has no version."""
    return f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


def packed(reply: CachedReply, began: int, usable: float) -> bytes:
    """The reply for other processes: `began` in microseconds of the shared clock, `usable` in seconds from then."""
    head = orjson.dumps([reply.headers, reply.etag, reply.tags, reply.facts, began, usable])
    return len(head).to_bytes(4, "big") + head + reply.body


def unpacked(packed_: bytes) -> tuple[list[Any], bytes]:
    """The arguments of `packed`: headers, ETag, tags, facts, began, usable; and the body."""
    length = int.from_bytes(packed_[:4], "big")
    return orjson.loads(packed_[4 : 4 + length]), packed_[4 + length :]
