"""Routes of the audit trail: list, export, verify."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from flask import Response

from gateway_flask.http import event_streams
from gateway_flask.http.envelope import listing, ok
from gateway_flask.middleware.request_context import caller
from gateway_flask.openapi.endpoints import Api
from gateway_flask.rpc.calls import call, call_within
from schemas.api.audit import AuditEntry, AuditExport, AuditFilter, AuditQuery, AuditVerdict
from schemas.caller import Caller
from schemas.rpc.audit import AuditRpc

api = Api("audit", "Audit", "Who did what, when and from where: an append-only, hash-chained trail.", "/audit")

COLUMNS = (
    "seq", "at", "actor", "email", "roles", "action", "resource_type", "resource_id", "changes", "request_id", "ip",
    "user_agent", "hash",
)  # fmt: skip
PAGE = 500
VERIFY_SECONDS = 55.0
"""Time limit of a verification; a million entries take some seconds."""


@api.get("", reply=AuditEntry, many=True)
def list_audit(query: AuditQuery) -> Response:
    """List audit entries, the newest first."""
    return listing(call(AuditRpc.entries, query=query, caller=caller()), "Audit trail")


@api.get("/export", reply=AuditEntry, many=True, downloads=("text/csv", "application/x-ndjson"))
def export_audit(query: AuditExport) -> Response:
    """Export the matching entries, the oldest first, as CSV or JSON lines. Exports are audited."""
    filters = AuditFilter.model_validate(query.model_dump(exclude={"format"}, exclude_unset=True, by_alias=True))
    media_type, format_entry = ("text/csv", _csv) if query.format == "csv" else ("application/x-ndjson", _json)
    header = ",".join(COLUMNS).encode() + b"\r\n" if query.format == "csv" else b""
    return event_streams.streams().download(
        _lines(filters, caller(), header, format_entry), f"{media_type}; charset=utf-8", f"audit.{query.format}"
    )


@api.get("/verify", reply=AuditVerdict)
def verify_audit() -> Response:
    """Verify the hash chain; the reply names the first broken entry."""
    verdict = call_within(VERIFY_SECONDS, AuditRpc.verify, caller=caller()).json
    return ok(verdict, "The audit trail is valid" if verdict["valid"] else "The audit trail has been tampered with")


def _lines(
    filters: AuditFilter, administrator: Caller, header: bytes, format_entry: Callable[[dict[str, Any]], bytes]
) -> Iterator[bytes]:
    """Yield the entries page by page."""
    after = 0
    while entries := call(AuditRpc.export, query=filters, caller=administrator, after=after, limit=PAGE).json:
        yield header + b"".join(map(format_entry, entries))
        header, after = b"", entries[-1]["seq"]
    if header:
        yield header


def _json(entry: dict[str, Any]) -> bytes:
    return orjson.dumps(entry) + b"\n"


def _csv(entry: dict[str, Any]) -> bytes:
    actor, resource = entry["actor"], entry["resource"]
    values = (
        entry["seq"], entry["at"], actor["id"] or actor["kind"], actor.get("email"), " ".join(actor["roles"]),
        entry["action"], resource["type"], resource["id"], orjson.dumps(entry["changes"]).decode(), entry["request_id"],
        entry["ip"], entry["user_agent"], entry["hash"],
    )  # fmt: skip
    row = io.StringIO()
    csv.writer(row).writerow(["" if value is None else _escape_formula(value) for value in values])
    return row.getvalue().encode()


def _escape_formula(value: Any) -> Any:
    """Quote cells that a spreadsheet would evaluate as a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value
