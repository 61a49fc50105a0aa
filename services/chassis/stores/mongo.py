"""MongoDB: a client per process, transactions with an outbox collection, documents with an embedded outbox."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from nameko.extensions import DependencyProvider
from pymongo import MongoClient, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from schemas.base import Idempotency
from schemas.events.base import Event
from services.chassis.common import clock
from services.chassis.common.errors import IdempotencyInProgress, IdempotencyKeyReused
from services.chassis.messaging.envelopes import envelope
from services.chassis.observability import audit_records
from services.chassis.observability.metrics import POOL_USED
from services.chassis.outbox.mongo import MongoRelay
from services.chassis.runtime.settings import Settings, load
from services.chassis.stores.encrypted import EncryptedField
from services.chassis.stores.mongo_clock import ServerClock

S = TypeVar("S", bound="MongoStore")
T = TypeVar("T")

Document = dict[str, Any]
KEEP = timedelta(days=7)
_DUPLICATE = 11000
"""MongoDB's code for a key that is there already."""


def connect(url: str, size: int = 10, **options: Any) -> MongoClient[Document]:
    """A client with a pool for `size` workers. An operation that takes longer than 5 s gives up."""
    defaults = {"maxPoolSize": size, "timeoutMS": 5000, "serverSelectionTimeoutMS": 3000, "tz_aware": True}
    return MongoClient(url, **(defaults | options))


def database_name(service: str) -> str:
    """The database of a service; no other service reads it."""
    return f"ultramarket_{service}"


def only_collisions(refused: BulkWriteError) -> list[int]:
    """The places of those writes whose key is there already. Raises `refused` when another one failed otherwise."""
    errors = refused.details["writeErrors"]
    if any(error["code"] != _DUPLICATE for error in errors):
        raise refused
    return [error["index"] for error in errors]


def store_newer(collection: Collection[Document], documents: Mapping[str, Document], version: str) -> None:
    """Store documents by id, each unless one is stored whose `version` (the name of a field) is not lower.

    New ones are inserted together: an upsert costs the server eight times as much.
    """
    stored = {each["_id"] for each in collection.find({"_id": {"$in": list(documents)}}, {"_id": 1})}
    new = [{"_id": key, **fields} for key, fields in documents.items() if key not in stored]
    if new:
        try:
            collection.insert_many(new, ordered=False)
        except BulkWriteError as error:  # stored concurrently
            stored |= {new[index]["_id"] for index in only_collisions(error)}
    updates = [
        UpdateOne({"_id": key, version: {"$lt": fields[version]}}, {"$set": fields})
        for key, fields in documents.items()
        if key in stored
    ]
    if updates:
        collection.bulk_write(updates, ordered=False)


class MongoStore:
    """The base of a service's store: `self.db`, transactions, and what goes into them beside the own documents."""

    publishes: ClassVar[bool] = True
    """False for a store that never has an event to publish, such as a read model: it needs no relay."""

    encrypted_fields: ClassVar[tuple[EncryptedField, ...]] = ()
    """Fields with encrypted values, which `ultramarket keys rotate` encrypts again."""

    hot_collections: ClassVar[tuple[str, ...]] = ()
    """Collections whose documents carry their new events in an array `outbox` (see `pending`)."""

    def __init__(self, database: Database[Document]) -> None:
        self.db = database
        self.client = database.client
        self.server_clock = ServerClock(database)
        self.wake_relay: Callable[[], None] = lambda: None
        """Called when a transaction has committed; where a relay runs in this process, it looks for events then."""

    def indexes(self) -> None:
        """Make the store's indexes; idempotent. Subclasses add theirs and call this."""
        seconds = int(KEEP.total_seconds())
        self.db["inbox"].create_index("handled_at", expireAfterSeconds=seconds)
        self.db["idempotency"].create_index("created_at", expireAfterSeconds=seconds)
        for name in self.hot_collections:
            self.db[name].create_index(
                "outbox.id", name="outbox", partialFilterExpression={"outbox.id": {"$exists": True}}
            )

    def seed(self) -> None:
        """Documents that a new installation starts with; called after each migration, so it must be idempotent."""

    def in_transaction(self, work: Callable[[ClientSession], T]) -> T:
        """Run `work(session)` in one transaction; run again as a whole when it conflicts with another."""
        with self.client.start_session() as session:
            done = session.with_transaction(work)
        self.wake_relay()
        return done

    @contextmanager
    def transaction(self) -> Iterator[ClientSession]:
        """One transaction, tried once: for work without conflicts."""
        with self.client.start_session() as session, session.start_transaction():
            yield session
        self.wake_relay()

    def emit(self, session: ClientSession, event: Event, sequence: int | None = None) -> None:
        """Publish an event if, and only if, this transaction commits."""
        self.emit_all(session, [(event, sequence)])

    def emit_all(self, session: ClientSession, events: Iterable[tuple[Event, int | None]]) -> None:
        """Publish events, each with its sequence or None, in this order, if this transaction commits: in one write."""
        wrapped = [envelope(event, sequence) for event, sequence in events]
        if wrapped:
            self.db["outbox"].insert_many([{"_id": each["id"], "event": each} for each in wrapped], session=session)

    def audit(
        self,
        session: ClientSession,
        action: str,
        resource: tuple[str, str],
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an action on a resource (type, id) in this transaction; see `audit_records.record`."""
        self.emit(session, audit_records.record(action, resource, before, after))

    def pending(self, event: Event, sequence: int | None = None) -> Document:
        """The event as a hot document carries it: `$push` it to `outbox` in the update that makes it true."""
        return envelope(event, sequence)

    def first_time(self, session: ClientSession, event: Event, handler: str = "") -> bool:
        """Record in this transaction that the event was handled; False when it had been already."""
        key = f"{event.meta.id}:{handler}"
        if self.db["inbox"].find_one({"_id": key}, session=session):
            return False
        self.db["inbox"].insert_one({"_id": key, "handled_at": clock.now()}, session=session)
        return True

    def claim(self, session: ClientSession, key: Idempotency | None) -> Any | None:
        """The stored reply when this command was carried out before; None when it is to be carried out now.

        A concurrent twin conflicts with the record that is written here, and finds it when `in_transaction` runs it
        again. Raises `IdempotencyKeyReused` when the key came with another request.
        """
        if key is None:
            return None
        record = {"_id": f"{key.owner}:{key.key}", "fingerprint": key.fingerprint, "created_at": clock.now()}
        record_ = self.db["idempotency"].find_one({"_id": record["_id"]}, session=session)
        if record_ is None:
            try:
                self.db["idempotency"].insert_one(record, session=session)
            except DuplicateKeyError as twin:
                raise IdempotencyInProgress() from twin
            return None
        if record_["fingerprint"] != key.fingerprint:
            raise IdempotencyKeyReused()
        return record_["reply"]

    def remember(self, session: ClientSession, key: Idempotency | None, reply: Any) -> None:
        """Store the reply of a command that was claimed in this transaction."""
        if key is not None:
            self.db["idempotency"].update_one(
                {"_id": f"{key.owner}:{key.key}"}, {"$set": {"reply": reply}}, session=session
            )


class Mongo(DependencyProvider, Generic[S]):
    """Gives each worker the store and relays the service's outbox.

    A store with settings of its own gets them as its second argument: `Mongo(ProductStore, ProductSettings)`.
    """

    kind = "mongodb"

    def __init__(self, store_class: type[S], settings_class: type[Settings] | None = None) -> None:
        self.store_class: Any = store_class
        self.settings_class = settings_class

    def setup(self) -> None:
        settings = self.container.config["SETTINGS"]
        service = self.container.service_name
        self.client = connect(settings.mongo_url, settings.workers + 8)
        own_settings = [load(self.settings_class, service)] if self.settings_class else []
        self.store: S = self.store_class(self.client[database_name(service)], *own_settings)
        self.relay = MongoRelay(
            service,
            settings.mongo_url,
            settings.amqp_url,
            self.store_class.hot_collections,
            bridge_limit=settings.bridge_queue_events,
        )
        self.store.wake_relay = self.relay.wake
        POOL_USED.labels(service, self.kind).set_function(self._connections)

    def start(self) -> None:
        if self.store_class.publishes:
            self.container.spawn_managed_thread(self.relay.run, identifier="outbox-relay")

    def get_dependency(self, worker_ctx: Any) -> S:
        return self.store

    def stop(self) -> None:
        self.relay.stop()
        self.client.close()

    def kill(self) -> None:
        self.relay.stop()
        self.client.close()

    def ping(self) -> None:
        self.client.admin.command("ping")

    def _connections(self) -> int:
        servers = self.client._topology._servers.values() if self.client._topology else ()
        return sum(server.pool.active_sockets for server in servers)


def open_store(store_class: type[S], url: str, database: str, size: int = 32) -> S:
    """A store outside of a service: for migrations, tools and tests."""
    return store_class(connect(url, size)[database])
