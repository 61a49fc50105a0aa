"""Datasets: versioned sets of collections. One is active; a rebuild fills another one and activates it atomically."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from services.analytics.domain.calendar import Calendar
from services.analytics.store.product_owners import ProductOwners

Document = dict[str, Any]
DATABASE: Final = "ultramarket_analytics"
COUNTERS, CUSTOMERS, ACTIVE_MINUTES, OFFSETS = "counters", "customers", "visits", "offsets"
SESSIONS, PRODUCT_OWNERS = "sessions", "makers"
KINDS: Final = (
    "orders", SESSIONS, "links", "payments", "disputes", "stock_months", "labels", PRODUCT_OWNERS, COUNTERS, CUSTOMERS,
    ACTIVE_MINUTES, OFFSETS,
)  # fmt: skip
SESSION_RETENTION: Final = timedelta(days=90)
"""Default of how long a session is stored after its last event; a later event starts a new session."""
Partition = tuple[str, int]


def connect(url: str) -> MongoClient[Document]:
    """A MongoDB client with time-outs for large transactions, for use by one thread."""
    return MongoClient(
        url, maxPoolSize=8, timeoutMS=60_000, serverSelectionTimeoutMS=3000, tz_aware=True, compressors=[]
    )


class Dataset:
    """One dataset: its collections, time zone and Kafka offsets."""

    def __init__(self, db: Database[Document], name: str, zone: str) -> None:
        self.db, self.name, self.zone = db, name, zone
        self.calendar = Calendar(zone)
        self.product_owners = ProductOwners(self[PRODUCT_OWNERS])

    def __getitem__(self, kind: str) -> Collection[Document]:
        return self.db[f"{self.name}.{kind}"]

    def create_collections(self, retention: timedelta = SESSION_RETENTION) -> None:
        """Create the collections and their indexes; idempotent. Transactions should not create collections.

        Tracked sessions are deleted after the `retention`.
        """
        existing = set(self.db.list_collection_names())
        for kind in KINDS:
            if f"{self.name}.{kind}" not in existing:
                self.db.create_collection(f"{self.name}.{kind}", check_exists=False)
        self["orders"].create_index([("confirmed.currency", 1), ("confirmed.at", 1)])
        self["orders"].create_index("entries.t")
        self[SESSIONS].create_index("last")
        self[SESSIONS].create_index("waits.k", sparse=True)
        self[SESSIONS].create_index(
            [("sought", 1), ("last", -1)], partialFilterExpression={"sought": {"$exists": True}}
        )
        for kind in (SESSIONS, "links", PRODUCT_OWNERS):
            self._expire(kind, int(retention.total_seconds()))
        self["customers"].create_index("first")
        self["customers"].create_index("last")
        self["stock_months"].create_index("sku")
        self["labels"].create_index("vendor", sparse=True)
        self[ACTIVE_MINUTES].create_index("at", expireAfterSeconds=7200)

    def _expire(self, kind: str, seconds: int) -> None:
        """Have documents deleted so long after they were last touched; an index with another time is made anew."""
        index = self[kind].index_information().get("touched_1")
        if index is not None and index.get("expireAfterSeconds") != seconds:
            self[kind].drop_index("touched_1")
        self[kind].create_index("touched", expireAfterSeconds=seconds)

    def offsets(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """The next offset to read of each partition; 0 for new partitions."""
        by_id = {_partition_id(partition): partition for partition in partitions}
        for id_ in by_id:
            self[OFFSETS].update_one({"_id": id_}, {"$setOnInsert": {"next": 0}}, upsert=True)
        rows = self[OFFSETS].find({"_id": {"$in": list(by_id)}})
        return {by_id[document["_id"]]: document["next"] for document in rows}

    def take_over(self, session: ClientSession, partitions: Iterable[Partition]) -> None:
        """Take over the partitions for this session, and kill the sessions of their previous owners.

        Otherwise the locks of a process that was killed within a transaction would block for a minute.
        """
        own_id = session.session_id["id"]
        other_ids = []
        for partition in partitions:
            previous = self.db["holders"].find_one_and_update(
                {"_id": _partition_id(partition)}, {"$set": {"session": own_id}}, upsert=True
            )
            if previous and previous["session"] != own_id and previous["session"] not in other_ids:
                other_ids.append(previous["session"])
        if other_ids:
            self.db.client.admin.command("killSessions", [{"id": id_} for id_ in other_ids])

    def advance(self, session: ClientSession, batch: dict[Partition, tuple[int, int]]) -> bool:
        """Advance the offsets in this transaction; False if another process has advanced one of them."""
        for partition, (expected, following) in batch.items():
            moved = self[OFFSETS].update_one(
                {"_id": _partition_id(partition), "next": expected}, {"$set": {"next": following}}, session=session
            )
            if not moved.matched_count:
                return False
        return True

    def drop(self) -> None:
        """Drop the collections of the dataset."""
        for kind in KINDS:
            self[kind].drop()


def _partition_id(partition: Partition) -> str:
    return f"{partition[0]}/{partition[1]}"


def active_dataset(db: Database[Document], zone: str) -> Dataset:
    """The active dataset; the first one is created with this time zone."""
    initial = {"set": "s1", "zone": zone, "number": 1}
    document = db["sets"].find_one_and_update(
        {"_id": "current"}, {"$setOnInsert": initial}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert document is not None  # an upsert always returns a document
    return Dataset(db, document["set"], document["zone"])


def is_active(dataset: Dataset, session: ClientSession) -> bool:
    """Whether the dataset is still active, within this transaction."""
    return bool(dataset.db["sets"].find_one({"_id": "current", "set": dataset.name}, session=session))


def create_next(db: Database[Document], zone: str, retention: timedelta = SESSION_RETENTION) -> Dataset:
    """Create an empty dataset beside the active one, and drop leftovers of aborted rebuilds."""
    active = active_dataset(db, zone)
    for name in db.list_collection_names():
        dataset_name = name.partition(".")[0]
        if "." in name and dataset_name != active.name:
            db.drop_collection(name)
    document = db["sets"].find_one_and_update(
        {"_id": "current"}, {"$inc": {"number": 1}}, return_document=ReturnDocument.AFTER
    )
    assert document is not None
    dataset = Dataset(db, f"s{document['number']}", zone)
    dataset.create_collections(retention)
    return dataset


def activate(dataset: Dataset) -> Dataset | None:
    """Activate the dataset. Returns the previous one, or None if a newer rebuild has begun meanwhile."""
    previous = dataset.db["sets"].find_one_and_update(
        {"_id": "current", "number": int(dataset.name[1:])}, {"$set": {"set": dataset.name, "zone": dataset.zone}}
    )
    return Dataset(dataset.db, previous["set"], previous["zone"]) if previous else None
