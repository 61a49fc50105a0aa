"""A batch of facts counted in one transaction, together with up to where its partitions are read: exactly once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession

from services.analytics.book import makers
from services.analytics.book.sets import COUNTERS, CUSTOMERS, MAKERS, PARTITIONS, SESSIONS, VISITS, Book, is_current
from services.analytics.domain.facts import Fact
from services.analytics.domain.tally import Changes, CustomerChange, Tally
from services.chassis.common import clock

Document = dict[str, Any]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Superseded(Exception):
    """Another process counts these partitions now, or another set serves: read again where to go on."""


def count(
    book: Book,
    session: ClientSession,
    batch: dict[PARTITIONS, tuple[int, int]],
    facts: Iterable[Fact],
    *,
    must_serve: bool = True,
) -> None:
    """Count the facts of a batch: of each partition the offsets from the first number to before the second.

    All of it or nothing; run again after a conflict. Raises `Superseded`, and then nothing is counted.
    """
    counted = list(facts)

    def work(session: ClientSession) -> None:
        if must_serve and not is_current(book, session):
            raise Superseded
        if not book.advance(session, batch):
            raise Superseded
        if counted:
            _write(book, session, counted)

    session.with_transaction(work)


def _write(book: Book, session: ClientSession, facts: list[Fact]) -> None:
    now = clock.now()

    def load(kind: str, ids: Iterable[str]) -> dict[str, Document]:
        if kind == MAKERS:
            return book.makers.load(ids, session)
        found = book[kind].find({"_id": {"$in": list(ids)}}, session=session)
        return {document.pop("_id"): document for document in found}

    def waiting(keys: Iterable[str]) -> list[str]:
        found = book[SESSIONS].find({"waits.k": {"$in": list(keys)}}, {"_id": 1}, session=session)
        return [document["_id"] for document in found]

    changes = Tally(book.calendar, load, waiting, now).count(facts)
    for kind, documents in changes.documents.items():
        _bulk(
            book,
            kind,
            session,
            [
                ReplaceOne({"_id": id_}, {**document, "touched": now}, upsert=True)
                for id_, document in documents.items()
            ],
        )
    _bulk(book, "labels", session, _labelling(book, session, changes))
    _bulk(book, VISITS, session, [_seen(*visit, whose) for visit, whose in changes.visits.items()])
    _bulk(book, MAKERS, session, makers.changes(changes.makers, changes.awaited, now))
    _bulk(book, CUSTOMERS, session, [_known_better(book, *item) for item in changes.customers.items()])
    # Last, so that other processes' transactions wait for these much-used documents as shortly as can be.
    _bulk(book, COUNTERS, session, [_added(*item) for item in sorted(changes.counters.items())])


def _bulk(book: Book, kind: str, session: ClientSession, operations: list[Any]) -> None:
    if operations:
        book[kind].bulk_write(operations, ordered=False, session=session)


def _added(name: str, fields: dict[str, int]) -> UpdateOne:
    return UpdateOne({"_id": name}, {"$inc": fields, "$setOnInsert": {"k": name.split("|", 5)[5]}}, upsert=True)


def _seen(at: datetime, visitor: str, whose: set[str]) -> UpdateOne:
    update: Document = {"$setOnInsert": {"at": at}}
    if whose:
        update["$addToSet"] = {"whose": {"$each": sorted(whose)}}
    return UpdateOne({"_id": f"{at:%Y%m%d%H%M}|{visitor}"}, update, upsert=True)


def _known_better(book: Book, customer: str, change: CustomerChange) -> UpdateOne:
    update: Document = {"$inc": {f"spent.{currency}": amount for currency, amount in change.spent.items()}}
    if change.times:
        update["$inc"]["orders"] = change.orders
        update["$min"] = {"first": min(change.times)}
        update["$max"] = {"last": max(change.times)}
        update["$addToSet"] = {"months": {"$each": sorted({f"{book.calendar.day(at):%Y-%m}" for at in change.times})}}
        update["$set"] = {"email": change.email}
    return UpdateOne({"_id": customer}, update, upsert=True)


def _labelling(book: Book, session: ClientSession, changes: Changes) -> list[UpdateOne | ReplaceOne[Document]]:
    """Names of things: a newer one replaces an older one; a title from an order stands where there is none yet."""
    operations: list[UpdateOne | ReplaceOne[Document]] = [
        UpdateOne(
            {"_id": f"product:{product}"},
            {"$setOnInsert": {"label": title, "sequence": -1, "at": LONG_AGO}},
            upsert=True,
        )
        for product, title in changes.titles.items()
        if f"product:{product}" not in changes.labels
    ]
    known = {
        label["_id"]: (label["sequence"], label["at"])
        for label in book["labels"].find(
            {"_id": {"$in": list(changes.labels)}}, {"sequence": 1, "at": 1}, session=session
        )
    }
    for id_, fact in changes.labels.items():
        if (fact.sequence, fact.at) > known.get(id_, (-1, LONG_AGO)):
            named = {**fact.said, "sequence": fact.sequence, "at": fact.at}
            operations.append(ReplaceOne({"_id": id_}, named, upsert=True))
    return operations
