"""What the service asks of MongoDB: figures of the serving set, reports, and what was told to others last."""

import time
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.client_session import ClientSession

from schemas.events.analytics import PopularQueriesChanged, PopularQuery, SalesCounted, UnitsSold
from services.analytics.book.sets import Book, current
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.reports import Reports
from services.chassis.runtime.settings import load
from services.chassis.stores.mongo import MongoStore

Document = dict[str, Any]
LOOK_SECONDS: Final = 1.0
"""How long after a rebuild the old set may still be asked."""
AT_ONCE: Final = 500


class AnalyticsStore(MongoStore):
    """The sets are written by the consumer; the service writes reports and what it says."""

    _book: Book | None = None
    _looked_at: float = 0.0

    @property
    def book(self) -> Book:
        """The set that serves."""
        if self._book is None or time.monotonic() - self._looked_at > LOOK_SECONDS:
            zone = self._book.zone if self._book else load(AnalyticsSettings).time_zone
            serving = current(self.db, zone)
            if self._book is None or (serving.name, serving.zone) != (self._book.name, self._book.zone):
                self._book = serving
            self._looked_at = time.monotonic()
        return self._book

    @property
    def reports(self) -> Reports:
        return Reports(self)

    def indexes(self) -> None:
        super().indexes()
        self.book.make()
        self.db["results"].create_index("at")  # so that the collection is there before a transaction needs it
        self.db["reports"].create_index([("owner_id", 1), ("created_at", -1)])
        self.db["reports"].create_index("next_run_at", sparse=True)

    def take_turn(self, task: str, now: datetime, every: timedelta) -> bool:
        """Whether it is time for a task; of several processes one gets it."""
        self.db["turns"].update_one({"_id": task}, {"$setOnInsert": {"at": now - 2 * every}}, upsert=True)
        taken = self.db["turns"].update_one({"_id": task, "at": {"$lte": now - every}}, {"$set": {"at": now}})
        return bool(taken.modified_count)

    def say_sales(self, units: dict[str, int]) -> int:
        """Say the units sold of products whose number has changed since it was said last; how many those were."""

        def work(session: ClientSession) -> int:
            known = self.db["said"].find_one({"_id": "sales"}, session=session) or {"units": []}
            before = dict(known["units"])
            changed = {each: units.get(each, 0) for each in before | units if units.get(each, 0) != before.get(each, 0)}
            listed = [UnitsSold(product_id=each, units_30d=number) for each, number in sorted(changed.items())]
            for start in range(0, len(listed), AT_ONCE):
                self.emit(session, SalesCounted(products=listed[start : start + AT_ONCE]))
            if listed:
                self._said("sales", {"units": sorted(units.items())}, session)
            return len(listed)

        return self.in_transaction(work)

    def say_popular(self, queries: list[tuple[str, int]]) -> bool:
        """Say the popular queries, if they are others, or in another order, than those said last."""

        def work(session: ClientSession) -> bool:
            known = self.db["said"].find_one({"_id": "popular"}, session=session) or {"queries": []}
            names = [query for query, _ in queries]
            if known["queries"] == names:
                return False
            listed = [PopularQuery(query=query, count=count) for query, count in queries]
            self.emit(session, PopularQueriesChanged(queries=listed))
            self._said("popular", {"queries": names}, session)
            return True

        return self.in_transaction(work)

    def _said(self, what: str, fields: Document, session: ClientSession) -> None:
        self.db["said"].update_one({"_id": what}, {"$set": fields}, upsert=True, session=session)
