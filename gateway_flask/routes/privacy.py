"""Export and erasure of personal data."""

from collections.abc import Iterator

import orjson
from flask import Response

from gateway_flask.http import event_streams
from gateway_flask.http.envelope import ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.routes.paths import IdPath
from gateway_flask.rpc.calls import call
from schemas.api.privacy import (
    ErasureProgress,
    Export,
    ExportLink,
    ExportPart,
    ExportPlace,
    ReadExport,
)
from schemas.events.privacy import PERSONAL_DATA_SERVICES
from schemas.rpc.users import UsersRpc

api = Api("privacy", "Privacy", "Export and erasure of personal data (GDPR, articles 15, 17 and 20).", "/users")


@api.post("/me/export", reply=Export, statuses=(202,))
def request_export() -> Response:
    """Request an export of all data that the shop holds of the caller; a running one is returned instead."""
    return ok(call(UsersRpc.request_export, caller=caller()), "Export requested", 202)


@api.get("/me/export", reply=Export)
def get_export() -> Response:
    """Get the caller's export: its progress, and its link once it is ready."""
    return ok(call(UsersRpc.get_export, caller=caller()), "Export")


@api.get("/exports/<string:id>", reply=None, downloads=("application/json",))
def download_export(path: IdPath, query: ExportLink) -> Response:
    """Download an export by its link: a JSON archive with a key per service, and within it one per section."""
    chunks = _archive(ReadExport(export_id=path.id, **query.model_dump()))
    return event_streams.streams().download(chunks, "application/json", "personal-data.json")


@api.get("/<string:id>/erasure", reply=ErasureProgress)
def get_erasure(path: IdPath) -> Response:
    """Get the progress of an account's erasure."""
    return ok(call(UsersRpc.get_erasure, user_id=path.id, caller=caller()), "Erasure")


def _archive(query: ReadExport) -> Iterator[bytes]:
    """Yield the archive part by part; parts come in order of service and section. Services without data are empty."""
    written: set[str] = set()
    before: ExportPart | None = None
    while (raw := call(UsersRpc.export_part, query=query).json) is not None:
        part = ExportPart.model_validate(raw)
        records = b",".join(map(orjson.dumps, part.records))
        yield _opening(before, part) + records
        before = part
        written.add(part.service)
        place = ExportPlace(service=part.service, section=part.section, part=part.part)
        query = query.model_copy(update={"after": place})
    without_data = [service for service in PERSONAL_DATA_SERVICES if service not in written]
    empty = b",".join(orjson.dumps(service) + b":{}" for service in without_data)
    yield (b"{" if before is None else b"]}," if empty else b"]}") + empty + b"}"


def _opening(before: ExportPart | None, part: ExportPart) -> bytes:
    """The text between the records of two parts."""
    section = orjson.dumps(part.section) + b":["
    service = orjson.dumps(part.service) + b":{" + section
    if before is None:
        return b"{" + service
    if before.service != part.service:
        return b"]}," + service
    return b"]," + section if before.section != part.section else b","
