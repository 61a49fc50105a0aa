"""The store of the service: the active dataset, reports, and the figures that were published last."""

import time
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.client_session import ClientSession

from schemas.events.analytics import PopularQueriesChanged, PopularQuery, SalesCounted, UnitsSold
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.datasets import CUSTOMERS, SESSIONS, Dataset, active_dataset
from services.analytics.store.people import People
from services.analytics.store.reports import Reports
from services.chassis.messaging.personal_data import as_json
from services.chassis.runtime.settings import load
from services.chassis.stores.mongo import MongoStore

Document = dict[str, Any]
DATASET_REFRESH_SECONDS: Final = 1.0
"""How long the service may use the old dataset after a rebuild."""
BATCH_SIZE: Final = 500
PUBLISHED: Final = "said"
"""The collection of what was published last; its stored name is older than its meaning."""


class AnalyticsStore(MongoStore):
    """Datasets are written by the consumer; the service writes reports and its outbox."""

    _dataset: Dataset | None = None
    _refreshed_at: float = 0.0

    @property
    def dataset(self) -> Dataset:
        """The active dataset."""
        if self._dataset is None or time.monotonic() - self._refreshed_at > DATASET_REFRESH_SECONDS:
            zone = self._dataset.zone if self._dataset else load(AnalyticsSettings).time_zone
            active = active_dataset(self.db, zone)
            if self._dataset is None or (active.name, active.zone) != (self._dataset.name, self._dataset.zone):
                self._dataset = active
            self._refreshed_at = time.monotonic()
        return self._dataset

    @property
    def reports(self) -> Reports:
        return Reports(self)

    @property
    def people(self) -> People:
        return People(self.db)

    def seed(self) -> None:
        labels, customers = self.dataset["labels"], self.dataset[CUSTOMERS]
        self.people.adopt(
            labels.find({"_id": {"$gte": "person:", "$lt": "person;"}}),
            customers.find({"email": {"$type": "string"}, "_id": {"$not": {"$regex": "^guest:"}}}, {"email": 1}),
        )

    def personal_data(self, user_id: str) -> dict[str, list[Document]]:
        """The person's figures and tracked sessions in the active dataset."""
        links = self.dataset["links"].find({"_id": {"$gte": f"u:{user_id}:", "$lt": f"u:{user_id};"}}, {"session": 1})
        ids = [link["session"][1] for link in links if link.get("session")]
        sessions = self.dataset[SESSIONS].find({"_id": {"$in": ids}}, {"ids": 0})
        return {
            "customer": [as_json(row) for row in self.dataset[CUSTOMERS].find({"_id": user_id})],
            "sessions": [as_json(row) for row in sessions],
        }

    def erase(self, user_id: str) -> None:
        """Delete the person's name and address, and the link between them and tracked sessions. Idempotent."""
        self.people.erase(user_id)
        self.dataset["labels"].delete_one({"_id": f"person:{user_id}"})
        self.dataset[CUSTOMERS].update_one({"_id": user_id}, {"$unset": {"email": ""}})

    def indexes(self) -> None:
        super().indexes()
        self.dataset.create_collections(load(AnalyticsSettings).tracking_retention)
        self.db["results"].create_index("at")  # creates the collection outside of a transaction
        self.db["reports"].create_index([("owner_id", 1), ("created_at", -1), ("_id", -1)])
        self.db["reports"].create_index("next_run_at", sparse=True)

    def claim_run(self, task: str, now: datetime, every: timedelta) -> bool:
        """Claim a run of a periodic task; True for one process per `every`."""
        self.db["turns"].update_one({"_id": task}, {"$setOnInsert": {"at": now - 2 * every}}, upsert=True)
        claimed = self.db["turns"].update_one({"_id": task, "at": {"$lte": now - every}}, {"$set": {"at": now}})
        return bool(claimed.modified_count)

    def publish_sales(self, units: dict[str, int]) -> int:
        """Publish the units sold of products whose number has changed since the last time; returns their number."""

        def work(session: ClientSession) -> int:
            published = self.db[PUBLISHED].find_one({"_id": "sales"}, session=session) or {"units": []}
            units_before = dict(published["units"])
            changed = {
                each: units.get(each, 0)
                for each in units_before | units
                if units.get(each, 0) != units_before.get(each, 0)
            }
            products = [UnitsSold(product_id=each, units_30d=number) for each, number in sorted(changed.items())]
            for start in range(0, len(products), BATCH_SIZE):
                self.emit(session, SalesCounted(products=products[start : start + BATCH_SIZE]))
            if products:
                self._store_published("sales", {"units": sorted(units.items())}, session)
            return len(products)

        return self.in_transaction(work)

    def publish_popular_queries(self, queries: list[tuple[str, int]]) -> bool:
        """Publish the popular queries if they or their order have changed. Returns whether it did."""

        def work(session: ClientSession) -> bool:
            published = self.db[PUBLISHED].find_one({"_id": "popular"}, session=session) or {"queries": []}
            names = [query for query, _ in queries]
            if published["queries"] == names:
                return False
            products = [PopularQuery(query=query, count=count) for query, count in queries]
            self.emit(session, PopularQueriesChanged(queries=products))
            self._store_published("popular", {"queries": names}, session)
            return True

        return self.in_transaction(work)

    def _store_published(self, key: str, fields: Document, session: ClientSession) -> None:
        self.db[PUBLISHED].update_one({"_id": key}, {"$set": fields}, upsert=True, session=session)
