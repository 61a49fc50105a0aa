"""Reports: definitions, results, and who runs which when."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pymongo.client_session import ClientSession

from schemas.events.analytics import ReportFinished
from services.chassis.common.errors import NotFound
from services.chassis.common.paging import Paging, page

if TYPE_CHECKING:
    from services.analytics.store import AnalyticsStore

Document = dict[str, Any]
LEASE: Final = timedelta(minutes=5)
"""Who has taken a report on and not finished it by then has died."""


class Reports:
    """The collections `reports` and `results`. Somebody else's report is not there."""

    def __init__(self, store: "AnalyticsStore") -> None:
        self._store = store
        self._reports, self._results = store.db["reports"], store.db["results"]

    def add(self, report: Document) -> None:
        def work(session: ClientSession) -> None:
            self._reports.insert_one(report, session=session)
            self._audit(session, "report.create", report["_id"], None, report["definition"])

        self._store.in_transaction(work)

    def list(self, owner_id: str, paging: Paging) -> Document:
        mine = {"owner_id": owner_id}
        found = self._reports.find(mine).sort("created_at", -1).skip(paging.offset).limit(paging.limit)
        return page(list(found), self._reports.count_documents(mine), paging)

    def get(self, report_id: str, owner_id: str) -> Document:
        """Raises `NotFound`."""
        found = self._reports.find_one({"_id": report_id, "owner_id": owner_id})
        if found is None:
            raise NotFound("There is no such report")
        return found

    def replace(self, report_id: str, owner_id: str, definition: Document) -> Document:
        """Raises `NotFound`."""

        def work(session: ClientSession) -> None:
            before = self._reports.find_one_and_update(
                {"_id": report_id, "owner_id": owner_id}, {"$set": definition}, session=session
            )
            if before is None:
                raise NotFound("There is no such report")
            self._audit(session, "report.update", report_id, before["definition"], definition["definition"])

        self._store.in_transaction(work)
        return self.get(report_id, owner_id)

    def remove(self, report_id: str, owner_id: str) -> None:
        """Raises `NotFound`."""

        def work(session: ClientSession) -> None:
            before = self._reports.find_one_and_delete({"_id": report_id, "owner_id": owner_id}, session=session)
            if before is None:
                raise NotFound("There is no such report")
            self._results.delete_one({"_id": report_id}, session=session)
            self._audit(session, "report.delete", report_id, before["definition"], None)

        self._store.in_transaction(work)

    def _audit(
        self, session: ClientSession, action: str, report_id: str, before: Document | None, after: Document | None
    ) -> None:
        self._store.audit(session, action, ("report", report_id), before, after)

    def take_due(self, now: datetime) -> Document | None:
        """A report whose time has come, for this process to run; None when there is none."""
        free = {"next_run_at": {"$lte": now}, "leased_until": {"$not": {"$gt": now}}}
        return self._reports.find_one_and_update(free, {"$set": {"leased_until": now + LEASE}})

    def finish(self, report: Document, result: Document, next_run_at: datetime | None) -> bool:
        """Keep the result, in place of the one before, and say that it is there. False: the report is gone."""
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

        def work(session: ClientSession) -> bool:
            changes: Document = {"$set": {"last_run": last}, "$unset": {"leased_until": ""}}
            if next_run_at is not None:
                changes["$set"]["next_run_at"] = next_run_at
            if not self._reports.update_one({"_id": report["_id"]}, changes, session=session).matched_count:
                return False
            self._results.replace_one({"_id": report["_id"]}, result, upsert=True, session=session)
            self._store.emit(session, event)
            return True

        return self._store.in_transaction(work)

    def result(self, report_id: str) -> Document:
        """Raises `NotFound` while it was not run."""
        found = self._results.find_one({"_id": report_id})
        if found is None:
            raise NotFound("This report was not run yet")
        return found
