"""Read access to all stores of an instance, past its services."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg2
import psycopg2.extras
from pymongo import MongoClient
from pymongo.database import Database

from services.chassis.stores.mongo import database_name

FETCH_ROWS: Final = 5_000
STATEMENT_SECONDS: Final = 120


class Stores:
    """Connections to PostgreSQL and MongoDB, and the address of Kafka and RabbitMQ. Reads only."""

    def __init__(self, postgres_url: str, mongo_url: str, kafka_bootstrap: str, amqp_url: str) -> None:
        self.kafka_bootstrap, self.amqp_url = kafka_bootstrap, amqp_url
        self._postgres = psycopg2.connect(
            postgres_url, connect_timeout=5, options=f"-cstatement_timeout={STATEMENT_SECONDS}s"
        )
        self._postgres.set_session(isolation_level="REPEATABLE READ", readonly=True)
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(mongo_url, serverSelectionTimeoutMS=5000, tz_aware=True)

    def rows(self, query: str, **values: Any) -> Iterator[Any]:
        """The rows of a query, in batches from the server: they need not fit into memory."""
        with self._postgres, self._postgres.cursor("verify", cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
            cursor.itersize = FETCH_ROWS
            cursor.execute(query, values)
            yield from cursor

    def all(self, query: str, **values: Any) -> list[Any]:
        return list(self.rows(query, **values))

    def has_table(self, name: str) -> bool:
        return self.all("select to_regclass(%(name)s) is not null as there", name=name)[0].there

    def documents(self, service: str) -> Database[dict[str, Any]]:
        """The MongoDB database of a service."""
        return self.mongo[database_name(service)]

    def close(self) -> None:
        self._postgres.close()
        self.mongo.close()


@contextmanager
def open_stores(url_of: Any) -> Iterator[Stores]:
    """Connect to the stores; `url_of(NAME)` gives the address of a server."""
    stores = Stores(url_of("postgres"), url_of("mongodb"), url_of("kafka"), url_of("rabbitmq"))
    try:
        yield stores
    finally:
        stores.close()
