"""Content server: uploads and downloads over HTTP on the service's port, for the gateway only."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import orjson
import structlog
from nameko.extensions import DependencyProvider
from werkzeug.datastructures import Range
from werkzeug.http import is_resource_modified
from werkzeug.wrappers import Request, Response

from schemas.caller import Caller
from schemas.signed.file_grants import CHUNK_BYTES, GRANT_HEADER, PATH, InvalidGrant, verify_grant
from services.chassis.common import context
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import DomainError, Forbidden, NotFound
from services.chassis.common.ids import is_id
from services.files import domain
from services.files.domain import PDF, StoredObject
from services.files.file_manager import FileManager
from services.files.providers.interface import ObjectNotFound
from services.files.store import FileRecord
from services.files.upload_form import read_form

log = structlog.get_logger()

CACHE_FOREVER: Final = "public, max-age=31536000, immutable"
"""The content of a file id never changes."""
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class ContentServer:
    """WSGI application: `POST /files` uploads a form, `GET` and `HEAD /files/{id}` reply a content."""

    def __init__(self, manager: FileManager) -> None:
        self.manager = manager
        self.settings = manager.settings

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._respond(request)
        except Exception as error:
            response = _error_response(error)
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            claims = verify_grant(self.settings.secret, request.headers.get(GRANT_HEADER, ""))
        except InvalidGrant as invalid:
            raise Forbidden("Only the gateway may request file contents here") from invalid
        context.enter(claims["context"])
        caller = Caller.model_validate(claims["caller"])
        if request.method == "POST" and request.path == PATH:
            return self._upload(request, caller)
        file_id = request.path.removeprefix(f"{PATH}/")
        if request.method not in ("GET", "HEAD") or not is_id(file_id):
            raise NotFound
        return self._download(request, caller, file_id, claims.get("linked", False))

    def _upload(self, request: Request, caller: Caller) -> Response:
        stream, content_type = request.environ["wsgi.input"], request.headers.get("Content-Type", "")
        try:
            with read_form(stream, content_type, self.settings.file_max_bytes, self.manager.staging) as form:
                return _json(self.manager.store_upload(form, caller), 201)
        except DomainError:
            _drain(stream)
            raise

    def _download(self, request: Request, caller: Caller, file_id: str, linked: bool) -> Response:
        record = self.manager.store.find(file_id)
        row = record.row
        if not domain.may_read(caller, row["owner_id"], row["private"], linked):
            raise NotFound("There is no such file")
        format_ = request.args.get("format")
        object_ = domain.select_object(
            record.objects, request.args.get("size", "full"), format_, request.headers.get("Accept", "")
        )
        headers = _headers(record, object_, format_)
        if not is_resource_modified(request.environ, etag=headers["ETag"]):
            return Response(status=304, headers=headers)
        start, stop, status = 0, object_.bytes, 200
        if (ranges := requested_range(request, headers["ETag"])) is not None:
            bounds = bounds_within(ranges, object_.bytes)
            if bounds is None:
                return Response(status=416, headers={**headers, "Content-Range": f"bytes */{object_.bytes}"})
            start, stop, status = *bounds, 206
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{object_.bytes}"
        length = stop - start
        headers["Content-Length"] = str(length)
        body = () if request.method == "HEAD" else self._read(record, object_, start, length)
        return Response(body, status, headers, content_type=object_.content_type, direct_passthrough=True)

    def _read(self, record: FileRecord, object_: StoredObject, start: int, length: int) -> Iterator[bytes]:
        try:
            return self.manager.objects.read(record.prefix + object_.name, start, length)
        except ObjectNotFound:
            log.error("object_missing", key=record.prefix + object_.name)
            raise NotFound("The content of this file is lost") from None


class ContentEndpoint(DependencyProvider):
    """Gives workers the file manager, and serves `/files` on the port of the health endpoint."""

    kind = "objects"
    prefix = PATH

    def __init__(self, make: Callable[[Any], FileManager], store: Any) -> None:
        self.make, self.store = make, store

    def setup(self) -> None:
        provider = next(record for record in self.container.dependencies if record.attr_name == self.store)
        self._provider = provider
        self._keeper: FileManager | None = None
        self._server: ContentServer | None = None

    def get_dependency(self, worker_ctx: Any) -> FileManager:
        return self.manager

    @property
    def manager(self) -> FileManager:
        if self._keeper is None:
            self._keeper = self.make(self._provider.store)
        return self._keeper

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._server is None:
            self._server = ContentServer(self.manager)
        return self._server(environ, start_response)

    def ping(self) -> None:
        self.manager.objects.ping()

    def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.pictures.close()

    kill = stop


def _headers(record: FileRecord, object_: StoredObject, format_: str | None) -> dict[str, str]:
    headers = {
        "ETag": f'"{record.row["sha256"][:32]}-{object_.size}-{object_.format}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache" if record.row["private"] else CACHE_FOREVER,
        **SECURITY_HEADERS,
    }
    if object_.format == PDF.rpartition("/")[2]:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(record.row['name'])}"
    elif format_ is None:
        headers["Vary"] = "Accept"
    return headers


def requested_range(request: Request, etag: str) -> Range | None:
    """The single byte range to reply (RFC 9110, 14.2); None for the whole content.

    Several ranges, other units, malformed headers and an outdated `If-Range` mean the whole content.
    """
    ranges = request.range
    if ranges is None or ranges.units != "bytes" or len(ranges.ranges) != 1:
        return None
    return ranges if request.headers.get("If-Range", etag) == etag else None


def bounds_within(ranges: Range, total: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of a single range in a content of `total` bytes; None if unsatisfiable (416).

    Unlike werkzeug's `range_for_length`, a suffix that is longer than the content means the whole (RFC 9110, 14.1.2).
    """
    start, stop = ranges.ranges[0]
    if start < 0:
        start = max(0, total + start)
    return (start, min(stop or total, total)) if start < total else None


def _error_response(error: Exception) -> Response:
    domain_error = as_domain_error(error)
    if domain_error is None:
        log.error("content_request_failed", exc_info=error)
        domain_error = DomainError()
    return _json({"error": domain_error.to_wire()}, domain_error.status)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")


def _drain(stream: BinaryIO) -> None:
    """Read the rest of the request: a client that is still sending does not read the refusal."""
    with suppress(ValueError, OSError):
        while stream.read(CHUNK_BYTES):
            pass
