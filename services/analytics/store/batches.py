"""Batch writer: a batch of facts and the Kafka offsets of its partitions in one transaction, hence exactly once."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession

from services.analytics.domain.aggregation import BatchAggregator
from services.analytics.domain.changes import Changes, CustomerChange
from services.analytics.domain.facts import Fact
from services.analytics.store import product_owners
from services.analytics.store.datasets import (
    ACTIVE_MINUTES,
    COUNTERS,
    CUSTOMERS,
    PRODUCT_OWNERS,
    SESSIONS,
    Dataset,
    Partition,
    is_active,
)
from services.chassis.common import clock

Document = dict[str, Any]
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Superseded(Exception):
    """Another process has counted these partitions, or another dataset is active: reload the offsets."""


def write_batch(
    dataset: Dataset,
    session: ClientSession,
    batch: dict[Partition, tuple[int, int]],
    facts: Iterable[Fact],
    *,
    must_serve: bool = True,
) -> None:
    """Write a batch: `batch` gives the first offset and the next offset of each partition.

    Atomic; retried after a conflict. Raises `Superseded` without having written anything.
    """
    batch_facts = list(facts)

    def work(session: ClientSession) -> None:
        if must_serve and not is_active(dataset, session):
            raise Superseded
        if not dataset.advance(session, batch):
            raise Superseded
        if batch_facts:
            _write(dataset, session, batch_facts)

    session.with_transaction(work)


def _write(dataset: Dataset, session: ClientSession, facts: list[Fact]) -> None:
    now = clock.now()

    def load(kind: str, ids: Iterable[str]) -> dict[str, Document]:
        if kind == PRODUCT_OWNERS:
            return dataset.product_owners.load(ids, session)
        rows = dataset[kind].find({"_id": {"$in": list(ids)}}, session=session)
        return {document.pop("_id"): document for document in rows}

    def find_unresolved(keys: Iterable[str]) -> list[str]:
        rows = dataset[SESSIONS].find({"waits.k": {"$in": list(keys)}}, {"_id": 1}, session=session)
        return [document["_id"] for document in rows]

    changes = BatchAggregator(dataset.calendar, load, find_unresolved, now).apply(facts)
    for kind, documents in changes.documents.items():
        _bulk_write(
            dataset,
            kind,
            session,
            [
                ReplaceOne({"_id": id_}, {**document, "touched": now}, upsert=True)
                for id_, document in documents.items()
            ],
        )
    _bulk_write(dataset, "labels", session, _label_updates(dataset, session, changes))
    _bulk_write(
        dataset,
        ACTIVE_MINUTES,
        session,
        [_active_minute_update(*place, vendors) for place, vendors in changes.active_minutes.items()],
    )
    _bulk_write(
        dataset, PRODUCT_OWNERS, session, product_owners.owner_updates(changes.product_owners, changes.unresolved, now)
    )
    _bulk_write(dataset, CUSTOMERS, session, [_customer_update(dataset, *item) for item in changes.customers.items()])
    # Last, to keep the locks on these frequently updated documents short.
    _bulk_write(dataset, COUNTERS, session, [_counter_update(*item) for item in sorted(changes.counters.items())])


def _bulk_write(dataset: Dataset, kind: str, session: ClientSession, operations: list[Any]) -> None:
    if operations:
        dataset[kind].bulk_write(operations, ordered=False, session=session)


def _counter_update(name: str, fields: dict[str, int]) -> UpdateOne:
    return UpdateOne({"_id": name}, {"$inc": fields, "$setOnInsert": {"k": name.split("|", 5)[5]}}, upsert=True)


def _active_minute_update(at: datetime, session_id: str, vendors: set[str]) -> UpdateOne:
    update: Document = {"$setOnInsert": {"at": at}}
    if vendors:
        update["$addToSet"] = {"whose": {"$each": sorted(vendors)}}
    return UpdateOne({"_id": f"{at:%Y%m%d%H%M}|{session_id}"}, update, upsert=True)


def _customer_update(dataset: Dataset, customer: str, change: CustomerChange) -> UpdateOne:
    update: Document = {"$inc": {f"spent.{currency}": amount for currency, amount in change.spent.items()}}
    if change.times:
        update["$inc"]["orders"] = change.orders
        update["$min"] = {"first": min(change.times)}
        update["$max"] = {"last": max(change.times)}
        update["$addToSet"] = {
            "months": {"$each": sorted({f"{dataset.calendar.day(at):%Y-%m}" for at in change.times})}
        }
        if change.email is not None:  # a guest's pseudonym
            update["$set"] = {"email": change.email}
    return UpdateOne({"_id": customer}, update, upsert=True)


def _label_updates(
    dataset: Dataset, session: ClientSession, changes: Changes
) -> list[UpdateOne | ReplaceOne[Document]]:
    """Updates of labels: a newer label replaces an older one; a title from an order only fills a gap."""
    operations: list[UpdateOne | ReplaceOne[Document]] = [
        UpdateOne(
            {"_id": f"product:{product}"},
            {"$setOnInsert": {"label": title, "sequence": -1, "at": LONG_AGO}},
            upsert=True,
        )
        for product, title in changes.titles.items()
        if f"product:{product}" not in changes.labels
    ]
    stored = {
        label["_id"]: (label["sequence"], label["at"])
        for label in dataset["labels"].find(
            {"_id": {"$in": list(changes.labels)}}, {"sequence": 1, "at": 1}, session=session
        )
    }
    for id_, fact in changes.labels.items():
        if (fact.sequence, fact.at) > stored.get(id_, (-1, LONG_AGO)):
            label = {**fact.data, "sequence": fact.sequence, "at": fact.at}
            operations.append(ReplaceOne({"_id": id_}, label, upsert=True))
    return operations
