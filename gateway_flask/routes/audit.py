"""The audit trail."""

from flask import Response

from gateway_flask.api import Api
from gateway_flask.envelope import listing, ok
from gateway_flask.identity import Who
from gateway_flask.rpc import call
from schemas.audit import AuditEntry, AuditQuery, AuditVerdict

api = Api("audit", "Audit", "Who did what, when and from where; append-only and chained by hashes.", "/audit")

VERIFY_SECONDS = 55.0
"""A whole trail takes its time; a million entries some seconds."""


@api.get("", reply=AuditEntry, many=True, who=Who.ADMIN)
def list_audit(query: AuditQuery) -> Response:
    """What was done, the newest first."""
    asked = query.model_dump(mode="json", by_alias=True, exclude_none=True)
    return listing(call("audit", "entries", **asked), "Audit trail")


@api.get("/verify", reply=AuditVerdict, who=Who.ADMIN)
def verify_audit() -> Response:
    """Recompute the whole chain and name its first wrong entry."""
    verdict = call("audit", "verify", deadline=VERIFY_SECONDS)
    return ok(verdict, "The trail is whole" if verdict["valid"] else "The trail was tampered with")
