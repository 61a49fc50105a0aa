"""The audit trail."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from flask import Response

from gateway_flask.http import event_streams
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.authentication import Who
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call_by_name as call
from schemas.api.audit import AuditEntry, AuditExport, AuditQuery, AuditVerdict

api = Api("audit", "Audit", "Who did what, when and from where; append-only and chained by hashes.", "/audit")

COLUMNS = (
    "seq", "at", "actor", "email", "roles", "action", "resource_type", "resource_id", "changes", "request_id", "ip",
    "user_agent", "hash",
)  # fmt: skip
PAGE = 500
VERIFY_SECONDS = 55.0
"""A whole trail takes its time; a million entries some seconds."""


@api.get("", reply=AuditEntry, many=True, who=Who.ADMIN)
def list_audit(query: AuditQuery) -> Response:
    """What was done, the newest first."""
    asked = query.model_dump(mode="json", by_alias=True, exclude_none=True)
    return listing(call("audit", "entries", **asked), "Audit trail")


@api.get("/export", reply=AuditEntry, many=True, who=Who.ADMIN, downloads="text/csv")
def export_audit(query: AuditExport) -> Response:
    """Take all entries that fit along, the oldest first, as CSV or as JSON lines. The export is an entry, too."""
    asked = query.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"format"})
    kind, line = ("text/csv", _csv) if query.format == "csv" else ("application/x-ndjson", _json)
    head = ",".join(COLUMNS).encode() + b"\r\n" if query.format == "csv" else b""
    return event_streams.streams().download(
        _lines(asked, head, line), f"{kind}; charset=utf-8", f"audit.{query.format}"
    )


@api.get("/verify", reply=AuditVerdict, who=Who.ADMIN)
def verify_audit() -> Response:
    """Recompute the whole chain and name its first wrong entry."""
    verdict = call("audit", "verify", deadline=VERIFY_SECONDS)
    return ok(verdict, "The trail is whole" if verdict["valid"] else "The trail was tampered with")


def _lines(asked: dict[str, Any], head: bytes, line: Callable[[dict[str, Any]], bytes]) -> Iterator[bytes]:
    """Page by page, as the client takes them."""
    after = 0
    while entries := call("audit", "export", query=asked, after=after, limit=PAGE):
        yield head + b"".join(map(line, entries))
        head, after = b"", entries[-1]["seq"]
    if head:
        yield head


def _json(entry: dict[str, Any]) -> bytes:
    return orjson.dumps(entry) + b"\n"


def _csv(entry: dict[str, Any]) -> bytes:
    actor, thing = entry["actor"], entry["resource"]
    values = (
        entry["seq"], entry["at"], actor["id"] or actor["kind"], actor.get("email"), " ".join(actor["roles"]),
        entry["action"], thing["type"], thing["id"], orjson.dumps(entry["changes"]).decode(), entry["request_id"],
        entry["ip"], entry["user_agent"], entry["hash"],
    )  # fmt: skip
    row = io.StringIO()
    csv.writer(row).writerow(["" if value is None else _plain(value) for value in values])
    return row.getvalue().encode()


def _plain(value: Any) -> Any:
    """A spreadsheet takes what begins like a formula for one (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
