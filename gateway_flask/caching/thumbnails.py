"""Thumbnail cache: small public pictures in memory, for a minute; every product list requests the same twenty."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from schemas.api.files import FileContentQuery

SMALL_BYTES: Final = 65_536
SMALL_SECONDS: Final = 60.0
"""Seconds for which a deleted picture may still be served; browsers cache it for longer."""

Key = tuple[str, str, str]


@dataclass(frozen=True)
class CachedPicture:
    """A complete reply with a picture."""

    headers: dict[str, str]
    body: bytes
    until: float

    def reply(self) -> Response:
        """The reply, as the files service would give it: 304 if the client has it."""
        if request.if_none_match.contains_weak(self.headers["ETag"].strip('"')) or request.if_none_match.star_tag:
            headers = {name: value for name, value in self.headers.items() if not name.startswith("Content-")}
            return Response(status=304, headers=headers)
        response = Response(self.body, headers=self.headers)
        response.headers["X-Accel-Expires"] = str(max(0, int(self.until - time.monotonic())))  # nginx keeps it as long
        return response


class ThumbnailCache:
    """Least-recently-used cache of pictures, bounded by bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Key, CachedPicture] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def key(file_id: str, query: FileContentQuery) -> Key | None:
        """The cache key; None for requests that are not cached: ranges, HEAD, signed links."""
        if request.method != "GET" or "Range" in request.headers or query.signature is not None:
            return None
        accepted = "webp" if "image/webp" in request.headers.get("Accept", "") else "jpeg"
        return file_id, query.size, query.format or f"accepts {accepted}"

    def get(self, key: Key) -> CachedPicture | None:
        with self._lock:
            cached = self._kept.get(key)
            if cached is None:
                return None
            if cached.until < time.monotonic():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return cached

    def fits(self, status: int, headers: dict[str, str]) -> bool:
        """Whether a reply may be cached: public, complete and small."""
        public = headers.get("Cache-Control", "").startswith("public")
        return status == 200 and public and int(headers.get("Content-Length", SMALL_BYTES + 1)) <= SMALL_BYTES

    def keep(self, key: Key, headers: dict[str, str], body: bytes) -> CachedPicture:
        small = CachedPicture(headers, body, time.monotonic() + SMALL_SECONDS)
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
