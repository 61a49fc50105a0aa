"""Server-Sent Events and generated downloads. Each holds a thread, so their numbers are limited: each kind has its own
limit, so that open streams do not keep others from their exports.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

import orjson
import structlog
from flask import Flask, Response, current_app, request, stream_with_context

from gateway_flask.http.file_streaming import STREAMS
from gateway_flask.http.stream_budget import StreamBudget
from gateway_flask.middleware.request_context import caller
from gateway_flask.settings import GatewaySettings
from services.chassis.common.errors import DomainError

EVERY_SECONDS: Final = 5.0
LASTS_SECONDS: Final = 600.0
"""Seconds after which a stream ends; the browser reconnects with a fresh token."""
KIND: Final = "text/event-stream"

log = structlog.get_logger()


class Streams:
    """The open streams and downloads of this process."""

    def __init__(self, settings: GatewaySettings) -> None:
        per_caller = settings.gateway_streams_per_caller
        self.live = StreamBudget("streams", settings.gateway_streams, per_caller)
        self.downloads = StreamBudget("downloads", settings.gateway_downloads, per_caller)

    def open(self, event: str, read: Callable[[], Any], every: float = EVERY_SECONDS) -> Response:
        """A stream of what `read` returns, at intervals. Raises `ServiceUnavailable` when there are too many."""
        first = read()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return _reply(self.live, _events(event, first, read, every), KIND, headers)

    def download(self, chunks: Iterator[bytes], content_type: str, name: str) -> Response:
        """A file that is generated while it is sent. Raises `ServiceUnavailable` when there are too many."""
        first = next(chunks, b"")  # what can go wrong mostly does so here, while there is a status to say it with
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
        return _reply(self.downloads, chain([first], chunks), content_type, headers)


def _reply(budget: StreamBudget, chunks: Iterator[bytes], content_type: str, headers: dict[str, str]) -> Response:
    """A reply that is sent in chunks and holds a place of the budget until it is closed."""
    who = caller().user_id or request.remote_addr or ""
    budget.take(who)
    request.environ[STREAMS] = True
    response = Response(stream_with_context(chunks), content_type=content_type, headers=headers)
    response.call_on_close(lambda: budget.give_back(who))
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


def install(app: Flask, settings: GatewaySettings) -> None:
    """Set the limits of streams and downloads in this process."""
    app.extensions["streams"] = Streams(settings)


def streams() -> Streams:
    open_streams: Streams = current_app.extensions["streams"]
    return open_streams
