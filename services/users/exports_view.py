"""Exports as replies show them, and the check of their links."""

from datetime import datetime
from typing import Any

from schemas.api.privacy import ReadExport
from schemas.events.privacy import PERSONAL_DATA_SERVICES
from schemas.signed.export_links import export_url, is_valid
from services.chassis.common.timestamps import rfc3339


def export_view(row: dict[str, Any], secret: bytes) -> dict[str, Any]:
    """An export as `schemas.api.privacy.Export`; with its link once it is ready."""
    view = {
        "id": row["id"],
        "status": "running" if row["ready_at"] is None else "ready",
        "progress": {"done": row["services_done"], "total": len(PERSONAL_DATA_SERVICES)},
        "requested_at": rfc3339(row["requested_at"]),
    }
    if row["ready_at"] is None:
        return view
    expires_at: datetime = row["expires_at"]
    url = export_url(secret, row["id"], int(expires_at.timestamp()))
    return view | {"url": url, "expires_at": rfc3339(expires_at)}


def is_link_valid(query: ReadExport, secret: bytes, now: datetime) -> bool:
    return is_valid(secret, query.export_id, query.expires, query.signature, now.timestamp())
