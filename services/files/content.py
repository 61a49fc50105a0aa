"""Where bytes come in and go out: HTTP on the service's own port, for the gateway alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import orjson
import structlog
from nameko.extensions import DependencyProvider
from werkzeug.wrappers import Request, Response

from schemas.base import Caller
from schemas.signed.file_grants import CHUNK_BYTES, GRANT_HEADER, PATH, InvalidGrant, verify_grant
from services.chassis.common import context
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import DomainError, Forbidden, NotFound
from services.chassis.common.ids import is_id
from services.files import domain
from services.files.domain import PDF, Kept
from services.files.form import staged
from services.files.keeper import Keeper
from services.files.providers.interface import ObjectGone
from services.files.store import Found

log = structlog.get_logger()

FOREVER: Final = "public, max-age=31536000, immutable"
"""A content never changes under its id."""
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class ContentServer:
    """The WSGI application. `POST /files` takes a form, `GET` and `HEAD /files/{id}` reply a content."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.settings = keeper.settings

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except Exception as error:
            response = _refusal(error)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            claims = verify_grant(self.settings.secret, request.headers.get(GRANT_HEADER, ""))
        except InvalidGrant as invalid:
            raise Forbidden("Only the gateway may request file contents here") from invalid
        context.enter(claims["context"])
        caller = Caller.model_validate(claims["caller"])
        if request.method == "POST" and request.path == PATH:
            return self._take(request, caller)
        file_id = request.path.removeprefix(f"{PATH}/")
        if request.method not in ("GET", "HEAD") or not is_id(file_id):
            raise NotFound
        return self._give(request, caller, file_id, claims.get("linked", False))

    def _take(self, request: Request, caller: Caller) -> Response:
        stream, content_type = request.environ["wsgi.input"], request.headers.get("Content-Type", "")
        try:
            with staged(stream, content_type, self.settings.file_max_bytes, self.keeper.staging) as form:
                return _json(self.keeper.keep(form, caller), 201)
        except DomainError:
            _hear_out(stream)
            raise

    def _give(self, request: Request, caller: Caller, file_id: str, linked: bool) -> Response:
        found = self.keeper.store.find(file_id)
        row = found.row
        if not domain.may_read(caller, row["owner_id"], row["private"], linked):
            raise NotFound("There is no such file")
        wanted = request.args.get("format")
        kept = domain.choose(found.objects, request.args.get("size", "full"), wanted, request.headers.get("Accept", ""))
        headers = _headers(found, kept, wanted)
        if _is_known(request, headers["ETag"]):
            return Response(status=304, headers=headers)
        start, length, status = 0, kept.bytes, 200
        if request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            try:
                part = domain.byte_range(request.headers.get("Range"), kept.bytes)
            except ValueError:
                return Response(status=416, headers={**headers, "Content-Range": f"bytes */{kept.bytes}"})
            if part is not None:
                start, length, status = *part, 206
                headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{kept.bytes}"
        headers["Content-Length"] = str(length)
        body = () if request.method == "HEAD" else self._read(found, kept, start, length)
        return Response(body, status, headers, content_type=kept.content_type, direct_passthrough=True)

    def _read(self, found: Found, kept: Kept, start: int, length: int) -> Iterator[bytes]:
        try:
            return self.keeper.objects.read(found.prefix + kept.name, start, length)
        except ObjectGone:
            log.error("object_gone", key=found.prefix + kept.name)
            raise NotFound("The content of this file is lost") from None


class Contents(DependencyProvider):
    """Gives workers the keeper, and answers below `/files` on the port of the service's health."""

    kind = "objects"
    prefix = PATH

    def __init__(self, make: Callable[[Any], Keeper], store: Any) -> None:
        self.make, self.store = make, store

    def setup(self) -> None:
        provider = next(found for found in self.container.dependencies if found.attr_name == self.store)
        self._provider = provider
        self._keeper: Keeper | None = None
        self._server: ContentServer | None = None

    def get_dependency(self, worker_ctx: Any) -> Keeper:
        return self.keeper

    @property
    def keeper(self) -> Keeper:
        if self._keeper is None:
            self._keeper = self.make(self._provider.store)
        return self._keeper

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._server is None:
            self._server = ContentServer(self.keeper)
        return self._server(environ, start_response)

    def ping(self) -> None:
        self.keeper.objects.ping()

    def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.pictures.close()

    kill = stop


def _headers(found: Found, kept: Kept, wanted: str | None) -> dict[str, str]:
    headers = {
        "ETag": f'"{found.row["sha256"][:32]}-{kept.size}-{kept.format}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache" if found.row["private"] else FOREVER,
        **SAFE,
    }
    if kept.format == PDF.rpartition("/")[2]:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.row['name'])}"
    elif wanted is None:
        headers["Vary"] = "Accept"
    return headers


def _is_known(request: Request, etag: str) -> bool:
    known = request.if_none_match
    return bool(known) and (known.star_tag or known.contains_weak(etag.strip('"')))


def _refusal(error: Exception) -> Response:
    domain_error = as_domain_error(error)
    if domain_error is None:
        log.error("content_failed", exc_info=error)
        domain_error = DomainError()
    return _json({"error": domain_error.to_wire()}, domain_error.status)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, content_type="application/json")


def _hear_out(stream: BinaryIO) -> None:
    """Who still speaks would not hear a refusal; the gateway sees to it that this ends."""
    with suppress(ValueError, OSError):
        while stream.read(CHUNK_BYTES):
            pass
