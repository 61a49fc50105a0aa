"""Report use cases: create, replace, list, run, and read the result."""

from datetime import datetime
from typing import Any

import structlog

from schemas.api.reports import ReportFilters, ReportRequest
from schemas.caller import Caller
from schemas.permissions.permission import Permission
from services.analytics.domain import reports as report_rules
from services.analytics.store.analytics_store import AnalyticsStore
from services.analytics.store.order_lines import report_rows
from services.analytics.store.reports import version_of
from services.chassis.common import ids
from services.chassis.common.clock import rfc3339
from services.chassis.common.errors import ValidationFailed
from services.chassis.common.paging import Paging

Document = dict[str, Any]
log = structlog.get_logger()


def owner_id(caller: Caller) -> str:
    """The owner id of the caller's reports."""
    return str(caller.user_id)


def create(store: AnalyticsStore, report: ReportRequest, caller: Caller, now: datetime) -> Document:
    document = _definition(store, report, caller, now) | {
        "_id": ids.new_id(),
        "owner_id": owner_id(caller),
        "email": caller.email or "",
        "created_at": now,
        "last_run": None,
    }
    store.reports.add(document)
    return to_api(document)


def replace(
    store: AnalyticsStore,
    report_id: str,
    report: ReportRequest,
    caller: Caller,
    now: datetime,
    expected_version: int | None = None,
) -> Document:
    definition = _definition(store, report, caller, now)
    return to_api(store.reports.replace(report_id, owner_id(caller), definition, expected_version))


def list_reports(store: AnalyticsStore, caller: Caller, paging: Paging) -> Document:
    page = store.reports.list(owner_id(caller), paging)
    return page | {"items": [to_api(report) for report in page["items"]]}


def run(store: AnalyticsStore, report: Document, currency: str, now: datetime) -> Document:
    """Run a report now and store the result. Returns the updated report."""
    dataset = store.dataset
    definition = ReportRequest.model_validate(report["definition"])
    if report["vendor"]:
        definition = _restrict_to_vendor(definition, report["vendor"])
    currency = definition.currency or currency
    rows, truncated = report_rows(
        dataset, definition, report_rules.period_of(definition, dataset.calendar, now), currency
    )
    columns = report_rules.columns(definition)
    result = {"at": now, "currency": currency, "columns": columns, "rows": rows, "truncated": truncated}
    store.reports.finish(report, result, report_rules.next_run(definition.schedule, dataset.calendar, now))
    log.info("report_finished", report_id=report["_id"], rows=len(rows))
    return to_api(store.reports.get(report["_id"], report["owner_id"]))


def result(store: AnalyticsStore, report: Document) -> Document:
    stored = store.reports.result(report["_id"])
    document = {
        "report_id": report["_id"],
        "name": report["name"],
        "at": rfc3339(stored["at"]),
        "currency": stored["currency"],
        "columns": stored["columns"],
        "rows": stored["rows"],
        "truncated": stored["truncated"],
    }
    if report["format"] == "csv":
        return {"format": "csv", "csv": report_rules.as_csv(stored["columns"], stored["rows"]), "result": document}
    return {"format": "json", "csv": None, "result": document}


def to_api(report: Document) -> Document:
    """The report as `schemas.api.reports.Report`."""
    last = report["last_run"]
    return {
        "id": report["_id"],
        **report["definition"],
        "owner_id": report["owner_id"],
        "next_run_at": rfc3339(report["next_run_at"]) if report.get("next_run_at") else None,
        "last_run": last | {"at": rfc3339(last["at"])} if last else None,
        "created_at": rfc3339(report["created_at"]),
        "version": version_of(report),
    }


def _definition(store: AnalyticsStore, report: ReportRequest, caller: Caller, now: datetime) -> Document:
    calendar = store.dataset.calendar
    report_rules.check(report, calendar, now)
    vendor = None if caller.may(Permission.ANALYTICS_READ_ANY) else caller.user_id
    if vendor and ("customer" in report.dimensions or report.filters.customer):
        field = "dimensions" if "customer" in report.dimensions else "filters.customer"
        raise ValidationFailed.of(field, "is not available to vendors")
    return {
        "name": report.name,
        "definition": report.model_dump(mode="json", by_alias=True),
        "format": report.format,
        "vendor": vendor,
        "next_run_at": report_rules.next_run(report.schedule, calendar, now),
    }


def _restrict_to_vendor(report: ReportRequest, vendor: str) -> ReportRequest:
    filters = ReportFilters(**report.filters.model_dump(exclude={"vendor"}), vendor=[vendor])
    return report.model_copy(update={"filters": filters})
