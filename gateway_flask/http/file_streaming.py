"""Streams file contents between the client and the files service over HTTP, not RPC (ADR 0017)."""

import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import orjson
import urllib3
from flask import Flask, Response, current_app, request

from gateway_flask.caching.thumbnails import ThumbnailCache
from gateway_flask.http import envelope
from gateway_flask.middleware.request_context import caller, current_request
from gateway_flask.settings import GatewaySettings
from schemas.api.files import FileContentQuery
from schemas.signed.file_grants import CHUNK_BYTES, FORM_BYTES, GRANT_HEADER, PATH, link_is_valid, sign_grant
from services.chassis.common.errors import PayloadTooLarge, ServiceUnavailable, from_wire
from services.chassis.runtime.registry import port_of

STREAMS: Final = "ultramarket.streams"
"""Key in the WSGI environment that marks a streamed reply."""
ASKED: Final = ("Accept", "If-None-Match", "Range", "If-Range")
REPLIED: Final = (
    "Content-Type", "Content-Length", "Content-Range", "Content-Disposition", "Accept-Ranges", "ETag", "Cache-Control",
    "Vary", "X-Content-Type-Options", "Content-Security-Policy", "Cross-Origin-Resource-Policy",
)  # fmt: skip


class FilesClient:
    """Connections to the files service. Uploads are limited: a slow one holds a thread."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.url = (settings.files_url or f"http://127.0.0.1:{port_of('files', settings.port_base)}").rstrip("/")
        self.secret = settings.secret_key.get_secret_value().encode()
        self.max_bytes = settings.file_max_bytes + FORM_BYTES
        self._small = ThumbnailCache(settings.file_cache_bytes)
        self._uploads = threading.BoundedSemaphore(settings.gateway_uploads)
        timeout = urllib3.Timeout(connect=2, read=settings.file_seconds)
        self._pool = urllib3.PoolManager(maxsize=settings.gateway_threads, block=False, retries=False, timeout=timeout)

    def upload(self, stream: BinaryIO, content_type: str, length: int | None) -> Any:
        """Forward a form while it is received. Returns the service's reply, or raises its error.

        Raises `PayloadTooLarge` as soon as it is, `ServiceUnavailable` when too many are at it already.
        """
        if length is not None and length > self.max_bytes:
            raise PayloadTooLarge(f"A file may have {self.max_bytes - FORM_BYTES} bytes at most")
        if not self._uploads.acquire(blocking=False):
            raise ServiceUnavailable("Many files are being uploaded: try again in a moment")
        try:
            headers = {"Content-Type": content_type}
            if length is not None:
                headers["Content-Length"] = str(length)
            with self._ask("POST", PATH, headers, body=self._chunks(stream)) as reply:
                return _read(reply)
        finally:
            self._uploads.release()

    def content(self, file_id: str, query: FileContentQuery) -> Response:
        """Stream a file's content, or the requested range of it."""
        key = self._small.key(file_id, query)
        if key is not None and (kept := self._small.get(key)) is not None:
            return kept.reply()
        linked = False
        if query.expires is not None and query.signature is not None:
            linked = link_is_valid(self.secret, file_id, query.expires, query.signature, time.time())
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        fields = {"size": query.size} | ({"format": query.format} if query.format else {})
        reply = self._ask(request.method, f"{PATH}/{file_id}", headers, fields=fields, linked=linked)
        if request.method == "HEAD" and reply.status >= 400:  # it has no body that says what is wrong
            reply.drain_conn()
            reply = self._ask("GET", f"{PATH}/{file_id}", headers, fields=fields, linked=linked)
        reply_headers = {name: reply.headers[name] for name in REPLIED if name in reply.headers}
        if reply.status == 416:
            reply.drain_conn()
            headers_sent = {"Content-Range": reply_headers["Content-Range"]}
            return envelope.failure("RANGE_NOT_SATISFIABLE", "The content has no such part", 416, [], headers_sent)
        if reply.status >= 400:
            _read(reply)
        if key is not None and self._small.fits(reply.status, reply_headers):
            return self._small.keep(key, reply_headers, reply.data).reply()
        request.environ[STREAMS] = True
        response = Response(_stream(reply), reply.status, reply_headers, direct_passthrough=True)
        response.call_on_close(reply.close)
        return response

    def _ask(self, method: str, path: str, headers: dict[str, str], *, linked: bool = False, **sent: Any) -> Any:
        claims = {"caller": caller().model_dump(), "context": current_request().context(), "linked": linked}
        headers[GRANT_HEADER] = sign_grant(self.secret, claims)
        try:
            return self._pool.request(method, self.url + path, headers=headers, preload_content=False, **sent)
        except urllib3.exceptions.HTTPError as away:
            raise ServiceUnavailable("The service files is not running at the moment") from away

    def _chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        total = 0
        while chunk := stream.read(CHUNK_BYTES):
            total += len(chunk)
            if total > self.max_bytes:
                raise PayloadTooLarge(f"A file may have {self.max_bytes - FORM_BYTES} bytes at most")
            yield chunk


def install(app: Flask, settings: GatewaySettings) -> None:
    """Set up the connection to the files service."""
    app.extensions["files"] = FilesClient(settings)


def host() -> FilesClient:
    client: FilesClient = current_app.extensions["files"]
    return client


def _read(reply: Any) -> Any:
    """The service's reply; raises its error, or `ServiceUnavailable` for an incomplete reply."""
    try:
        body = orjson.loads(reply.data)
    except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError) as broken:
        raise ServiceUnavailable("The service files went away while it answered") from broken
    if error := body.get("error") if isinstance(body, dict) else None:
        raise from_wire(error)
    if reply.status >= 400:  # the port answers, and the service behind it is stopped
        raise ServiceUnavailable("The service files is not running at the moment")
    return body


def _stream(reply: Any) -> Iterator[bytes]:
    yield from reply.stream(CHUNK_BYTES)
    reply.release_conn()
