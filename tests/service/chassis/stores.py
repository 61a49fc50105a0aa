"""Minimal stores for tests of the chassis, and relays of their outboxes."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import orjson
import pymongo
from sqlalchemy import text

from schemas.base import Idempotency
from schemas.events.orders import OrderStockCommitted
from services.chassis.common.ids import new_id
from services.chassis.outbox.mongo import MongoRelay
from services.chassis.outbox.postgres import OutboxTable, PostgresRelay
from services.chassis.stores import mongo, postgres, tables
from tests.support.rabbit import Rabbit
from tests.support.shop import PATIENCE, eventually

_COUNT = "insert into counters values (:id, 1) on conflict (id) do update set n = counters.n + 1 returning n"
EXCHANGE, TYPE = "orders.events", "order_stock_committed"
"""Not what the services of `small_services` consume: those of other tests run at the same time."""


def command(key: str, fingerprint: str = "same") -> Idempotency:
    return Idempotency(owner="user:ada", key=key, fingerprint=fingerprint)


class SimulatedCrash(Exception):
    """The simulated end of the process."""


class PostgresCounterStore(postgres.PostgresStore):
    """Counters in PostgreSQL; each step publishes one event."""

    def step(self, subject: str, fails: bool = False, key: Idempotency | None = None) -> int:
        """Increment a counter under its row lock, and return its number."""
        with self.transaction() as session:
            if (stored := self.claim(session, key)) is not None:
                return int(stored["number"])
            row = session.execute(
                text(_COUNT),
                {"id": subject},
            )
            number = int(row.scalar_one())
            self.emit(session, OrderStockCommitted(order_id=subject), sequence=number)
            self.remember(session, key, {"number": number})
            if fails:
                raise SimulatedCrash
        return number

    def unpublished_count(self) -> int:
        with self.reading() as session:
            return int(session.execute(text("select count(*) from outbox")).scalar_one())


@contextmanager
def postgres_counter_store() -> Iterator[tuple[PostgresCounterStore, str]]:
    """A store in a schema of its own, with the schema's name."""
    url, schema = os.environ["ULTRAMARKET_POSTGRES_URL"], f"test_notes_{new_id()[-12:]}"
    store = postgres.open_store(PostgresCounterStore, url, schema, 40)
    with store.transaction() as session:
        session.execute(text(f'create schema "{schema}"'))
        session.execute(text("create table counters (id text primary key, n int not null)"))
    with store.engine.begin() as connection:
        tables.metadata.create_all(connection)
        connection.execute(text(tables.WAKE_THE_RELAY))
    try:
        yield store, schema
    finally:
        with store.transaction() as session:
            session.execute(text(f'drop schema "{schema}" cascade'))
        store.close()


class MongoCounterStore(mongo.MongoStore):
    """Counters in MongoDB: hot documents that carry their events, and others with events in the outbox collection."""

    hot_collections: ClassVar[tuple[str, ...]] = ("counters",)

    def step(self, subject: str) -> int:
        """Increment a hot counter and add its event, in one update."""
        while True:
            counter = self.db["counters"].find_one({"_id": subject}) or {"n": 0}
            number = counter["n"] + 1
            event = self.pending(OrderStockCommitted(order_id=subject), sequence=number)
            update = {"$set": {"n": number}, "$push": {"outbox": event}}
            try:
                updated = self.db["counters"].update_one(
                    {"_id": subject, "n": counter["n"]}, update, upsert=counter["n"] == 0
                )
            except pymongo.errors.DuplicateKeyError:
                continue
            if updated.modified_count or updated.upserted_id:
                return int(number)

    def step_with_outbox_collection(self, subject: str, fails: bool = False, key: Idempotency | None = None) -> int:
        """Increment a counter in a transaction, with its event in the outbox collection."""

        def increment(session: Any) -> int:
            if (stored := self.claim(session, key)) is not None:
                return int(stored["number"])
            after = pymongo.ReturnDocument.AFTER
            counter = self.db["beside"].find_one_and_update(
                {"_id": subject}, {"$inc": {"n": 1}}, upsert=True, return_document=after, session=session
            )
            self.emit(session, OrderStockCommitted(order_id=subject), sequence=counter["n"])
            self.remember(session, key, {"number": counter["n"]})
            if fails:
                raise SimulatedCrash
            return int(counter["n"])

        return self.in_transaction(increment)

    def unpublished_count(self) -> int:
        hot = sum(len(document.get("outbox", [])) for document in self.db["counters"].find())
        return hot + int(self.db["outbox"].count_documents({}))


@contextmanager
def mongo_counter_store() -> Iterator[tuple[MongoCounterStore, str]]:
    """A store in a database of its own, with the database's name."""
    name = f"test_hot_{new_id()[-12:]}"
    store = mongo.open_store(MongoCounterStore, os.environ["ULTRAMARKET_MONGO_URL"], name, 64)
    store.indexes()
    for collection in ("counters", "beside", "outbox", "idempotency", "inbox"):
        if collection not in store.db.list_collection_names():
            store.db.create_collection(collection)
    try:
        yield store, name
    finally:
        store.client.drop_database(name)
        store.client.close()


class Relays:
    """Outbox relays in threads."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.running: list[tuple[Any, threading.Thread]] = []

    def start(self, relay: Any = None) -> Any:
        relay = relay or self._make()
        thread = threading.Thread(target=self._run, args=(relay,), daemon=True)
        thread.start()
        self.running.append((relay, thread))
        return relay

    def stop(self) -> None:
        for relay, _ in self.running:
            relay.stop()
        for _, thread in self.running:
            thread.join(20)
        self.running.clear()

    @staticmethod
    def _run(relay: Any) -> None:
        try:
            relay.run()
        except SimulatedCrash:
            return


class EventQueue:
    """A queue bound to the events of the tests' own subjects."""

    def __init__(self, broker: Rabbit) -> None:
        self.rabbit, self.queue = broker, f"ear-{new_id()}"
        broker.channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        broker.channel.queue_declare(self.queue, exclusive=True)
        broker.channel.queue_bind(self.queue, EXCHANGE, TYPE)
        self.received: list[dict[str, Any]] = []

    def numbers(self, subject: str, count: int, seconds: float = PATIENCE) -> list[int]:
        """The sequence numbers of a subject's events in order of arrival, once there are `count` or more."""
        eventually(lambda: len(self._receive(subject)) >= count, seconds)
        return self.of(subject)

    def first_occurrences(self, subject: str, count: int, seconds: float = PATIENCE) -> list[int]:
        """The same, once `count` different events have come; each of them only where it came first."""
        eventually(lambda: len(set(self._receive(subject))) >= count, seconds)
        return first_occurrences(self.of(subject))

    def _receive(self, subject: str) -> list[int]:
        self.received += [orjson.loads(message.body) for message in self.rabbit.take_all(self.queue)]
        return self.of(subject)

    def of(self, subject: str) -> list[int]:
        return [int(event["sequence"]) for event in self.received if event["subject"] == subject]


def first_occurrences(numbers: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def postgres_relay(schema: str, **values: Any) -> PostgresRelay:
    url, broker = os.environ["ULTRAMARKET_POSTGRES_URL"], os.environ["ULTRAMARKET_AMQP_URL"]
    return PostgresRelay(
        "notes", url, values.pop("amqp_url", broker), values.pop("table", OutboxTable()), schema=schema, **values
    )


def mongo_relay(database: str, **values: Any) -> MongoRelay:
    url, broker = os.environ["ULTRAMARKET_MONGO_URL"], os.environ["ULTRAMARKET_AMQP_URL"]
    hot = values.pop("hot", MongoCounterStore.hot_collections)
    return MongoRelay("hot", url, values.pop("amqp_url", broker), hot, database, **values)


def mongo_outbox_relay(database: str, **values: Any) -> MongoRelay:
    """A relay of a service without hot documents, which polls its change stream rarely."""
    return mongo_relay(database, hot=(), **values)
