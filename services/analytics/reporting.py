"""Reports from their definition to their result."""

from datetime import datetime
from typing import Any

import structlog

from schemas.api.reports import ReportFilters, ReportRequest
from schemas.base import Caller
from services.analytics.book.lines import report_rows
from services.analytics.domain import reports
from services.analytics.store import AnalyticsStore
from services.chassis.common import ids
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import Forbidden, ValidationFailed
from services.chassis.common.paging import Paging

Document = dict[str, Any]
log = structlog.get_logger()


def owner(caller: Caller) -> str:
    """Whose reports a caller has."""
    if not caller.user_id or not (caller.is_admin or caller.is_vendor):
        raise Forbidden
    return caller.user_id


def create(store: AnalyticsStore, report: ReportRequest, caller: Caller, now: datetime) -> Document:
    document = _definition(store, report, caller, now) | {
        "_id": ids.new_id(),
        "owner_id": owner(caller),
        "email": caller.email or "",
        "created_at": now,
        "last_run": None,
    }
    store.reports.add(document)
    return shown(document)


def replace(store: AnalyticsStore, report_id: str, report: ReportRequest, caller: Caller, now: datetime) -> Document:
    definition = _definition(store, report, caller, now)
    return shown(store.reports.replace(report_id, owner(caller), definition))


def listed(store: AnalyticsStore, caller: Caller, paging: Paging) -> Document:
    found = store.reports.list(owner(caller), paging)
    return found | {"items": [shown(report) for report in found["items"]]}


def run(store: AnalyticsStore, report: Document, currency: str, now: datetime) -> Document:
    """Run a report now; how it stands afterwards."""
    book = store.book
    definition = ReportRequest.model_validate(report["definition"])
    if report["vendor"]:
        definition = _only_own(definition, report["vendor"])
    currency = definition.currency or currency
    rows, truncated = report_rows(book, definition, reports.period_of(definition, book.calendar, now), currency)
    result = {
        "at": now, "currency": currency, "columns": reports.columns(definition), "rows": rows, "truncated": truncated,
    }  # fmt: skip
    store.reports.finish(report, result, reports.next_run(definition.schedule, book.calendar, now))
    log.info("report_finished", report_id=report["_id"], rows=len(rows))
    return shown(store.reports.get(report["_id"], report["owner_id"]))


def result(store: AnalyticsStore, report: Document) -> Document:
    found = store.reports.result(report["_id"])
    document = {
        "report_id": report["_id"],
        "name": report["name"],
        "at": rfc3339(found["at"]),
        "currency": found["currency"],
        "columns": found["columns"],
        "rows": found["rows"],
        "truncated": found["truncated"],
    }
    if report["format"] == "csv":
        return {"format": "csv", "csv": reports.as_csv(found["columns"], found["rows"]), "result": document}
    return {"format": "json", "csv": None, "result": document}


def shown(report: Document) -> Document:
    """A report as the API shows it."""
    last = report["last_run"]
    return {
        "id": report["_id"],
        **report["definition"],
        "owner_id": report["owner_id"],
        "next_run_at": rfc3339(report["next_run_at"]) if report.get("next_run_at") else None,
        "last_run": last | {"at": rfc3339(last["at"])} if last else None,
        "created_at": rfc3339(report["created_at"]),
    }


def _definition(store: AnalyticsStore, report: ReportRequest, caller: Caller, now: datetime) -> Document:
    calendar = store.book.calendar
    reports.check(report, calendar, now)
    vendor = None if caller.is_admin else caller.user_id
    if vendor and ("customer" in report.dimensions or report.filters.customer):
        field = "dimensions" if "customer" in report.dimensions else "filters.customer"
        raise ValidationFailed.of(field, "customers are the shop's")
    return {
        "name": report.name,
        "definition": report.model_dump(mode="json", by_alias=True),
        "format": report.format,
        "vendor": vendor,
        "next_run_at": reports.next_run(report.schedule, calendar, now),
    }


def _only_own(report: ReportRequest, vendor: str) -> ReportRequest:
    filters = ReportFilters(**report.filters.model_dump(exclude={"vendor"}), vendor=[vendor])
    return report.model_copy(update={"filters": filters})
