"""Sets of collections: one serves, another may be built beside it and take its place at once."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from pymongo import MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from services.analytics.book.makers import Makers
from services.analytics.domain.calendar import Calendar

Document = dict[str, Any]
DATABASE: Final = "ultramarket_analytics"
COUNTERS, CUSTOMERS, VISITS, OFFSETS = "counters", "customers", "visits", "offsets"
SESSIONS, MAKERS = "sessions", "makers"
KINDS: Final = (
    "orders", SESSIONS, "links", "payments", "stock_months", "labels", MAKERS, COUNTERS, CUSTOMERS, VISITS, OFFSETS,
)  # fmt: skip
FORGET: Final = timedelta(days=90)
"""How long after its last event a visit is kept: an event of it that comes later counts as another's."""
PARTITIONS = tuple[str, int]


def connect(url: str) -> MongoClient[Document]:
    """A client for one thread's work. Transactions are larger than a service's: they may take longer."""
    return MongoClient(
        url, maxPoolSize=8, timeoutMS=60_000, serverSelectionTimeoutMS=3000, tz_aware=True, compressors=[]
    )


class Book:
    """One set: its collections, its time zone, and up to where it has read each partition."""

    def __init__(self, db: Database[Document], name: str, zone: str) -> None:
        self.db, self.name, self.zone = db, name, zone
        self.calendar = Calendar(zone)
        self.makers = Makers(self[MAKERS])

    def __getitem__(self, kind: str) -> Collection[Document]:
        return self.db[f"{self.name}.{kind}"]

    def make(self) -> None:
        """Create the collections and their indexes; idempotent. (A transaction should not have to.)"""
        there = set(self.db.list_collection_names())
        for kind in KINDS:
            if f"{self.name}.{kind}" not in there:
                self.db.create_collection(f"{self.name}.{kind}", check_exists=False)
        self["orders"].create_index([("confirmed.currency", 1), ("confirmed.at", 1)])
        self["orders"].create_index("entries.t")
        self[SESSIONS].create_index("last")
        self[SESSIONS].create_index("waits.k", sparse=True)
        for kind in (SESSIONS, "links", MAKERS):
            self[kind].create_index("touched", expireAfterSeconds=int(FORGET.total_seconds()))
        self["customers"].create_index("first")
        self["customers"].create_index("last")
        self["stock_months"].create_index("sku")
        self["labels"].create_index("vendor", sparse=True)
        self[VISITS].create_index("at", expireAfterSeconds=7200)

    def offsets(self, partitions: Iterable[PARTITIONS]) -> dict[PARTITIONS, int]:
        """The next offset to count of each partition; 0 for one that nothing was counted of."""
        wanted = {_place(partition): partition for partition in partitions}
        for place in wanted:
            self[OFFSETS].update_one({"_id": place}, {"$setOnInsert": {"next": 0}}, upsert=True)
        found = self[OFFSETS].find({"_id": {"$in": list(wanted)}})
        return {wanted[document["_id"]]: document["next"] for document in found}

    def hold(self, session: ClientSession, partitions: Iterable[PARTITIONS]) -> None:
        """These partitions are counted in this session from now on; what others have begun with them is given up.

        A process that was killed in a transaction leaves its locks for a minute; nobody has to wait for that.
        """
        mine = session.session_id["id"]
        others = []
        for partition in partitions:
            before = self.db["holders"].find_one_and_update(
                {"_id": _place(partition)}, {"$set": {"session": mine}}, upsert=True
            )
            if before and before["session"] != mine and before["session"] not in others:
                others.append(before["session"])
        if others:
            self.db.client.admin.command("killSessions", [{"id": other} for other in others])

    def advance(self, session: ClientSession, batch: dict[PARTITIONS, tuple[int, int]]) -> bool:
        """Move the offsets in this transaction; False when one isn't where it was thought: somebody else counted."""
        for partition, (expected, following) in batch.items():
            moved = self[OFFSETS].update_one(
                {"_id": _place(partition), "next": expected}, {"$set": {"next": following}}, session=session
            )
            if not moved.matched_count:
                return False
        return True

    def drop(self) -> None:
        for kind in KINDS:
            self[kind].drop()


def _place(partition: PARTITIONS) -> str:
    return f"{partition[0]}/{partition[1]}"


def current(db: Database[Document], zone: str) -> Book:
    """The set that serves; the first one is made, in this time zone, when there is none."""
    fresh = {"set": "s1", "zone": zone, "number": 1}
    chosen = db["sets"].find_one_and_update(
        {"_id": "current"}, {"$setOnInsert": fresh}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert chosen is not None  # an upsert leaves one
    return Book(db, chosen["set"], chosen["zone"])


def is_current(book: Book, session: ClientSession) -> bool:
    """Whether the set still serves, as this transaction sees it."""
    return bool(book.db["sets"].find_one({"_id": "current", "set": book.name}, session=session))


def begin_another(db: Database[Document], zone: str) -> Book:
    """A new, empty set beside the serving one. Leftovers of a rebuild that died are removed."""
    serving = current(db, zone)
    for name in db.list_collection_names():
        owner = name.partition(".")[0]
        if "." in name and owner != serving.name:
            db.drop_collection(name)
    counted = db["sets"].find_one_and_update(
        {"_id": "current"}, {"$inc": {"number": 1}}, return_document=ReturnDocument.AFTER
    )
    assert counted is not None
    book = Book(db, f"s{counted['number']}", zone)
    book.make()
    return book


def put_in_place(book: Book) -> Book | None:
    """From now on this set serves; the one that did. None when another was begun meanwhile: that one is to serve."""
    before = book.db["sets"].find_one_and_update(
        {"_id": "current", "number": int(book.name[1:])}, {"$set": {"set": book.name, "zone": book.zone}}
    )
    return Book(book.db, before["set"], before["zone"]) if before else None
