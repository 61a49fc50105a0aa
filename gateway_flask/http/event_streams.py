"""Server-Sent Events. Each stream holds a thread, so their number is limited.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, current_app, request, stream_with_context

from gateway_flask.http.file_streaming import STREAMS
from services.chassis.common.errors import DomainError, ServiceUnavailable

EVERY_SECONDS: Final = 5.0
LASTS_SECONDS: Final = 600.0
"""Seconds after which a stream ends; the browser reconnects with a fresh token."""
KIND: Final = "text/event-stream"

log = structlog.get_logger()


class Streams:
    """The open streams of this process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = threading.BoundedSemaphore(most)

    def open(self, event: str, read: Callable[[], Any], every: float = EVERY_SECONDS) -> Response:
        """A stream of what `read` returns, at intervals. Raises `ServiceUnavailable` when there are too many."""
        first = read()
        if not self._free.acquire(blocking=False):
            raise ServiceUnavailable(f"At most {self.most} streams at once")
        request.environ[STREAMS] = True
        response = Response(
            stream_with_context(_events(event, first, read, every)),
            content_type=KIND,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        response.call_on_close(self._free.release)
        return response

    def download(self, chunks: Iterator[bytes], content_type: str, name: str) -> Response:
        """A file that is generated while it is sent. Raises `ServiceUnavailable` when there are too many."""
        first = next(chunks, b"")  # what can go wrong mostly does so here, while there is a status to say it with
        if not self._free.acquire(blocking=False):
            raise ServiceUnavailable(f"At most {self.most} streams at once")
        request.environ[STREAMS] = True
        response = Response(
            stream_with_context(chain([first], chunks)),
            content_type=content_type,
            headers={"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'},
        )
        response.call_on_close(self._free.release)
        return response


def _events(event: str, value: Any, read: Callable[[], Any], every: float) -> Iterator[bytes]:
    until = time.monotonic() + LASTS_SECONDS
    yield f"retry: {int(every * 1000)}\n\n".encode()
    while True:
        yield b"event: " + event.encode() + b"\ndata: " + orjson.dumps(value) + b"\n\n"
        if time.monotonic() + every > until:
            return
        time.sleep(every)
        try:
            value = read()
        except DomainError as away:
            log.warning("stream_ended", code=away.code)
            return


def is_requested() -> bool:
    """Whether the client accepts `text/event-stream`."""
    return KIND in request.headers.get("Accept", "")


def install(app: Flask, most: int) -> None:
    """Set the limit of streams in this process."""
    app.extensions["streams"] = Streams(most)


def streams() -> Streams:
    open_streams: Streams = current_app.extensions["streams"]
    return open_streams
