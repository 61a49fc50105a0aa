"""Warehouses by priority: stock is taken from the first one first."""

from typing import Any

from pymongo.client_session import ClientSession

from services.chassis.common.errors import Conflict, NotFound
from services.chassis.common.versions import check_version
from services.chassis.stores.mongo import MongoStore
from services.inventory.store.counts import Counts
from services.inventory.store.levels import Document

BY_PRIORITY = [("priority", 1), ("_id", 1)]


class Warehouses:
    """The collection `warehouses`."""

    def __init__(self, store: MongoStore, counts: Counts) -> None:
        self.store = store
        self.warehouses = store.db["warehouses"]
        self.counts = counts

    def indexes(self) -> None:
        self.warehouses.create_index(BY_PRIORITY)

    def seed(self) -> None:
        main = {"name": "Main warehouse", "priority": 100, "country": None}
        self.warehouses.update_one({"_id": "main"}, {"$setOnInsert": main}, upsert=True)

    def all(self) -> list[Document]:
        return [to_warehouse(document) for document in self.warehouses.find().sort(BY_PRIORITY)]

    def get(self, code: str) -> Document:
        """Raises `NotFound`."""
        return to_warehouse(self.place(code))

    def put(self, code: str, values: Document, expected_version: int | None = None) -> Document:
        """Create or change a warehouse; a new priority applies to all levels. Raises `PreconditionFailed`."""

        def work(session: ClientSession) -> Document:
            before = self.warehouses.find_one_and_update(
                {"_id": code}, {"$set": values, "$inc": {"version": 1}}, upsert=True, session=session
            )
            check_version(expected_version, version_of(before) if before else 0)
            self.counts.reprioritise(code, values["priority"], session)
            previous = to_warehouse(before) if before else None
            after = to_warehouse(values | {"_id": code, "version": version_of(before) if before else 1})
            self.store.audit(session, "warehouse.set", ("warehouse", code), previous, after)
            return after

        return self.store.in_transaction(work)

    def delete(self, code: str, expected_version: int | None = None) -> None:
        self.place(code)
        if self.counts.has_stock_in(code):
            raise Conflict("There is stock in this warehouse", [{"field": "code", "message": "still has stock"}])
        if self.warehouses.count_documents({}, limit=2) < 2:
            raise Conflict("The last warehouse stays", [{"field": "code", "message": "is the only warehouse"}])

        def work(session: ClientSession) -> None:
            deleted = self.warehouses.find_one_and_delete({"_id": code}, session=session)
            if deleted is not None:
                check_version(expected_version, version_of(deleted))
                self.store.audit(session, "warehouse.delete", ("warehouse", code), before=to_warehouse(deleted))

        self.store.in_transaction(work)

    def place(self, code: str | None) -> Document:
        """The named warehouse, or the one of highest priority."""
        document = self.warehouses.find_one({"_id": code} if code else {}, sort=BY_PRIORITY)
        if document is None:
            raise NotFound(f"There is no warehouse {code}", [{"field": "warehouse", "message": "does not exist"}])
        return document


def to_warehouse(document: Any) -> Document:
    """A warehouse as an API resource."""
    return {name: document.get(name) for name in ("name", "priority", "country")} | {
        "code": document["_id"],
        "version": version_of(document),
    }


def version_of(warehouse: Document) -> int:
    """The version: 1 and the number of changes."""
    return int(warehouse.get("version", 0)) + 1
