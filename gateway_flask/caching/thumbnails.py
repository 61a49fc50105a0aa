"""Small public pictures, kept for a minute in memory: every list of products asks for the same twenty thumbs."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from schemas.api.files import FileContentQuery

SMALL_BYTES: Final = 65_536
SMALL_SECONDS: Final = 60.0
"""How long a deleted picture may still be seen here; browsers keep it for longer."""

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Small:
    """A whole reply."""

    headers: dict[str, str]
    body: bytes
    until: float

    def reply(self) -> Response:
        """As the files service would have replied: 304 for who has it already."""
        if request.if_none_match.contains_weak(self.headers["ETag"].strip('"')) or request.if_none_match.star_tag:
            headers = {name: value for name, value in self.headers.items() if not name.startswith("Content-")}
            return Response(status=304, headers=headers)
        return Response(self.body, headers=self.headers)


class ThumbnailCache:
    """The most recently used ones, up to so many bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, Small] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def key(file_id: str, query: FileContentQuery) -> Key | None:
        """None for what is not to be looked for here: parts, heads, links."""
        if request.method != "GET" or "Range" in request.headers or query.signature is not None:
            return None
        accepted = "webp" if "image/webp" in request.headers.get("Accept", "") else "jpeg"
        return file_id, query.size, query.format or f"accepts {accepted}"

    def get(self, key: Key) -> Small | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            if found.until < time.monotonic():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return found

    def fits(self, status: int, headers: dict[str, str]) -> bool:
        """Whether a reply is public, whole and small."""
        public = headers.get("Cache-Control", "").startswith("public")
        return status == 200 and public and int(headers.get("Content-Length", SMALL_BYTES + 1)) <= SMALL_BYTES

    def keep(self, key: Key, headers: dict[str, str], body: bytes) -> Small:
        small = Small(headers, body, time.monotonic() + SMALL_SECONDS)
        with self._lock:
            if key in self._kept:
                self._drop(key)
            self._kept[key] = small
            self._bytes += len(body)
            while self._bytes > self.max_bytes:
                self._drop(next(iter(self._kept)))
        return small

    def _drop(self, key: Key) -> None:
        self._bytes -= len(self._kept.pop(key).body)
