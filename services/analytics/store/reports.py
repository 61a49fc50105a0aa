"""Report definitions and results, and the claims of due runs."""

from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.client_session import ClientSession

from schemas.events.analytics import ReportFinished
from services.chassis.common.errors import NotFound
from services.chassis.common.paging import DESCENDING, Keyset, Paging, SortKey
from services.chassis.common.versions import check_version
from services.chassis.stores.keyset_mongo import on_page, sort_of
from services.chassis.stores.mongo import MongoStore

Document = dict[str, Any]
KEYSET: Final = Keyset("reports", (SortKey("created_at", DESCENDING, "moment"), SortKey("_id", DESCENDING, "id")))
LEASE: Final = timedelta(minutes=5)
"""How long a process may work on a report before another one takes over."""


class Reports:
    """The collections `reports` and `results`. Reports of other owners are not found."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._reports, self._results = store.db["reports"], store.db["results"]

    def add(self, report: Document) -> None:
        """Store a new report."""

        def write(session: ClientSession) -> None:
            self._reports.insert_one(report, session=session)
            self._audit(session, "report.create", report["_id"], None, report["definition"])

        self._store.in_transaction(write)

    def list(self, owner_id: str, paging: Paging) -> Document:
        """A page of the owner's reports, the newest first."""
        query = {"owner_id": owner_id}
        rows = self._reports.find(on_page(query, KEYSET, paging)).sort(sort_of(KEYSET))
        return KEYSET.page(
            list(rows.skip(paging.offset).limit(paging.fetched)),
            self._reports.count_documents(query),
            paging,
            lambda last: (last["created_at"], last["_id"]),
        )

    def get(self, report_id: str, owner_id: str) -> Document:
        """A report of the owner. Raises `NotFound`."""
        report = self._reports.find_one({"_id": report_id, "owner_id": owner_id})
        if report is None:
            raise NotFound("There is no such report")
        return report

    def replace(
        self, report_id: str, owner_id: str, definition: Document, expected_version: int | None = None
    ) -> Document:
        """Replace a definition. Raises `NotFound`, `PreconditionFailed`."""

        def write(session: ClientSession) -> None:
            before = self._reports.find_one_and_update(
                {"_id": report_id, "owner_id": owner_id},
                {"$set": definition, "$inc": {"version": 1}},
                session=session,
            )
            if before is None:
                raise NotFound("There is no such report")
            check_version(expected_version, version_of(before))
            self._audit(session, "report.update", report_id, before["definition"], definition["definition"])

        self._store.in_transaction(write)
        return self.get(report_id, owner_id)

    def remove(self, report_id: str, owner_id: str, expected_version: int | None = None) -> None:
        """Delete a report and its result. Raises `NotFound`, `PreconditionFailed`."""

        def write(session: ClientSession) -> None:
            before = self._reports.find_one_and_delete({"_id": report_id, "owner_id": owner_id}, session=session)
            if before is None:
                raise NotFound("There is no such report")
            check_version(expected_version, version_of(before))
            self._results.delete_one({"_id": report_id}, session=session)
            self._audit(session, "report.delete", report_id, before["definition"], None)

        self._store.in_transaction(write)

    def _audit(
        self, session: ClientSession, action: str, report_id: str, before: Document | None, after: Document | None
    ) -> None:
        self._store.audit(session, action, ("report", report_id), before, after)

    def claim_due(self, now: datetime) -> Document | None:
        """Claim a due report for this process; None if there is none."""
        free = {"next_run_at": {"$lte": now}, "leased_until": {"$not": {"$gt": now}}}
        return self._reports.find_one_and_update(free, {"$set": {"leased_until": now + LEASE}})

    def finish(self, report: Document, result: Document, next_run_at: datetime | None) -> bool:
        """Store the result and publish `report_finished`. False if the report has been deleted."""
        url = f"/api/v1/analytics/reports/{report['_id']}/result"
        last = {"at": result["at"], "rows": len(result["rows"]), "url": url}
        event = ReportFinished(
            report_id=report["_id"],
            owner_id=report["owner_id"],
            email=report["email"],
            name=report["name"],
            format=report["format"],
            file_url=url,
            rows=last["rows"],
        )

        def write(session: ClientSession) -> bool:
            changes: Document = {"$set": {"last_run": last}, "$unset": {"leased_until": ""}}
            if next_run_at is not None:
                changes["$set"]["next_run_at"] = next_run_at
            if not self._reports.update_one({"_id": report["_id"]}, changes, session=session).matched_count:
                return False
            self._results.replace_one({"_id": report["_id"]}, result, upsert=True, session=session)
            self._store.emit(session, event)
            return True

        return self._store.in_transaction(write)

    def result(self, report_id: str) -> Document:
        """The last result. Raises `NotFound` if the report has not been run yet."""
        result = self._results.find_one({"_id": report_id})
        if result is None:
            raise NotFound("This report has not been run yet")
        return result


def version_of(report: Document) -> int:
    """The version: 1 and the number of changes."""
    return int(report.get("version", 0)) + 1
