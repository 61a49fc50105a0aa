"""PostgreSQL: a pool per process, one transaction per unit of work, with outbox, inbox and idempotency in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from nameko_sqlalchemy.database import DB_URIS_KEY, Database
from sqlalchemy import Connection, Engine, and_, bindparam, create_engine, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import make_url

from schemas.base import Idempotency
from schemas.events.base import Event
from services.chassis.common.errors import IdempotencyInProgress, IdempotencyKeyReused
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.transport import dumps
from services.chassis.observability import audit_records
from services.chassis.observability.metrics import POOL_USED
from services.chassis.outbox.postgres import OutboxTable, PostgresRelay
from services.chassis.stores.encrypted import EncryptedColumn
from services.chassis.stores.postgres_connections import CLIENT_LIMITS, session_options
from services.chassis.stores.tables import idempotency, inbox, outbox

S = TypeVar("S", bound="PostgresStore")

# Statements are built once: making one anew costs as much of our CPU as executing it.
_WRITE_OUTBOX = insert(outbox)
_SEE = pg_insert(inbox).on_conflict_do_nothing()
_CLAIM = pg_insert(idempotency).on_conflict_do_nothing()
_THIS_KEY = and_(idempotency.c.owner == bindparam("of_owner"), idempotency.c.key == bindparam("of_key"))
_KNOWN = select(idempotency.c.fingerprint, idempotency.c.reply).where(_THIS_KEY)
_REMEMBER = update(idempotency).where(_THIS_KEY).values(reply=bindparam("reply"))

KEEP_DAYS = 7
"""How long keys and seen events are remembered: clients and brokers try again within minutes, people within days."""


def service_url(url: str, schema: str, role: str | None = None) -> str:
    """The SQLAlchemy URL of one service's own schema in the database that `url` names, for working as `role`."""
    parsed = make_url(url).set(drivername="postgresql+psycopg2")
    limited = parsed.update_query_dict(CLIENT_LIMITS | {"options": session_options(schema, role)})
    return limited.render_as_string(hide_password=False)


def engine_options(size: int) -> dict[str, Any]:
    """A pool for `size` concurrent workers; one that waits longer than 3 s for a connection gives up.

    Connections are made when they are needed and then kept: overflow ones would be made anew for each request.
    """
    return {
        "pool_size": size,
        "max_overflow": 4,
        "pool_timeout": 3,
        "pool_use_lifo": True,
        "pool_recycle": 1800,
        "hide_parameters": True,  # an error's text ends in a log
    }


def _autocommitting(engine: Engine) -> Engine:
    """A second pool for single queries. Switching one pool's connections to and fro would cost a round trip each."""
    return create_engine(engine.url, isolation_level="AUTOCOMMIT", **engine_options(16))


def stored_reply(record: Any, key: Idempotency) -> Any:
    """The reply in a command's record (`fingerprint`, `reply`).

    Raises `IdempotencyKeyReused`, `IdempotencyInProgress`.
    """
    if record.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused()
    if record.reply is None:
        raise IdempotencyInProgress()
    return record.reply


class Session:
    """A transaction in work: statements in, rows out, and the events that will be published when it commits.

    SQLAlchemy's own session keeps track of objects, which our stores have none of; going round it halves what a
    statement costs.
    """

    __slots__ = ("execute", "outbox")

    def __init__(self, connection: Connection) -> None:
        self.execute = connection.execute
        self.outbox: list[dict[str, str]] = []


class PostgresStore:
    """The base of a service's store: transactions, and what goes into them beside the service's own rows."""

    outbox_table: ClassVar[OutboxTable] = OutboxTable()
    role: ClassVar[str | None] = None
    """The database role that the store works as; None: the one that it signs in with."""
    encrypted_columns: ClassVar[tuple[EncryptedColumn, ...]] = ()
    """Columns with encrypted values, which `ultramarket keys rotate` encrypts again."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._autocommit = _autocommitting(engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by an exception. Events are written just before."""
        with self.engine.begin() as connection:
            session = Session(connection)
            yield session
            if session.outbox:
                connection.execute(_WRITE_OUTBOX, session.outbox)

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """For single statements: each is a transaction by itself, in one round trip instead of three."""
        with self._autocommit.connect() as connection:
            yield connection

    reading = autocommit

    def close(self) -> None:
        """Give all connections back to the server."""
        self._autocommit.dispose()
        self.engine.dispose()

    def emit(self, session: Session, event: Event, sequence: int | None = None) -> None:
        """Publish an event if, and only if, this transaction commits."""
        wrapped = envelope(event, sequence)
        session.outbox.append({"id": wrapped["id"], "body": dumps(wrapped).decode()})

    def audit(
        self,
        session: Session,
        action: str,
        resource: tuple[str, str],
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an action on a resource (type, id) in this transaction; see `audit_records.record`."""
        self.emit(session, audit_records.record(action, resource, before, after))

    def first_time(self, session: Session, event: Event, handler: str = "") -> bool:
        """Record in this transaction that the event was handled; False when it had been already."""
        row = {"event_id": event.meta.id, "handler": handler}
        return bool(session.execute(_SEE, row).rowcount)

    def claim(self, session: Session, key: Idempotency | None, reply: Any = None) -> Any | None:
        """The stored reply when this command was carried out before; None when it is to be carried out now.

        A `reply` that is known beforehand is stored at once; another one follows by `remember`.
        A concurrent twin waits here until the first one's transaction has ended. Raises `IdempotencyKeyReused` when
        the key came with another request.
        """
        if key is None:
            return None
        row = {"owner": key.owner, "key": key.key, "fingerprint": key.fingerprint, "reply": reply}
        if session.execute(_CLAIM, row).rowcount == 1:
            return None
        return self.known(session, key)

    def known(self, session: Session | Connection, key: Idempotency) -> Any | None:
        """The stored reply of a command that was carried out before, without claiming it. Raises as `claim` does."""
        record = session.execute(_KNOWN, {"of_owner": key.owner, "of_key": key.key}).one_or_none()
        return None if record is None else stored_reply(record, key)

    def remember(self, session: Session, key: Idempotency | None, reply: Any) -> None:
        """Store the reply of a command that was claimed in this transaction."""
        if key is not None:
            session.execute(_REMEMBER, {"of_owner": key.owner, "of_key": key.key, "reply": reply})

    def delete_expired(self) -> None:
        """Delete keys and seen events of more than seven days ago."""
        age = text(f"now() - interval '{KEEP_DAYS} days'")
        with self.transaction() as session:
            session.execute(delete(idempotency).where(idempotency.c.created_at < age))
            session.execute(delete(inbox).where(inbox.c.handled_at < age))

    def seed(self) -> None:
        """Insert the initial rows; called after each migration, so it must be idempotent."""


class Postgres(Database, Generic[S]):
    """Gives each worker the store, on the engine that nameko-sqlalchemy makes, and relays the service's outbox."""

    kind = "postgres"

    def __init__(self, store_class: type[S]) -> None:
        super().__init__(store_class)
        self.store_class = store_class

    def setup(self) -> None:
        settings = self.container.config["SETTINGS"]
        service = self.container.service_name
        url = service_url(settings.postgres_url, service, self.store_class.role)
        uris = self.container.config.setdefault(DB_URIS_KEY, {})
        uris[f"{service}:{self.store_class.__name__}"] = url.replace("{", "{{").replace("}", "}}")
        self.engine_options = engine_options(settings.workers)
        super().setup()
        self.store = self.store_class(self.engine)
        self.relay = PostgresRelay(
            service,
            settings.postgres_url,
            settings.amqp_url,
            self.store_class.outbox_table,
            self.store.delete_expired,
            bridge_limit=settings.bridge_queue_events,
        )
        POOL_USED.labels(service, self.kind).set_function(self.engine.pool.checkedout)

    def start(self) -> None:
        self.container.spawn_managed_thread(self.relay.run, identifier="outbox-relay")

    def get_dependency(self, worker_ctx: Any) -> S:
        return self.store

    def worker_teardown(self, worker_ctx: Any) -> None:
        """Sessions are closed where they are opened, in `PostgresStore.transaction`."""

    def stop(self) -> None:
        self.relay.stop()
        self.store.close()

    def kill(self) -> None:
        self.relay.stop()
        self.store.close()

    def ping(self) -> None:
        with self.engine.connect() as connection:
            connection.execute(text("select 1"))


def open_store(store_class: type[S], url: str, schema: str, size: int = 5) -> S:
    """A store outside of a service: for migrations, tools and tests."""
    return store_class(create_engine(service_url(url, schema, store_class.role), **engine_options(size)))
