"""Read access to all stores of an instance, past its services."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg2
import psycopg2.extras
from pymongo import MongoClient
from pymongo.database import Database

from services.chassis.stores import elastic
from services.chassis.stores.mongo import database_name

FETCH_ROWS: Final = 5_000
STATEMENT_SECONDS: Final = 120
OPTIONS: Final = f"-cstatement_timeout={STATEMENT_SECONDS}s -cenable_nestloop=off -cwork_mem=64MB"
"""Each query reads whole tables: a nested loop would be a mistake, made where a text pattern is estimated as rare."""
SEARCH_SECONDS: Final = 30.0


class Stores:
    """Connections to PostgreSQL, MongoDB and Elasticsearch, and the address of Kafka. Reads only."""

    def __init__(self, postgres_url: str, mongo_url: str, kafka_bootstrap: str, elasticsearch_url: str) -> None:
        self.kafka_bootstrap = kafka_bootstrap
        self._search = elastic.open_store(elastic.ElasticStore, elasticsearch_url, elastic.index_prefix("search"), 1)
        self._postgres = psycopg2.connect(postgres_url, connect_timeout=5, options=OPTIONS)
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

    def indexed(self, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """These fields (and `_id`) of the documents in the search service's live index, in any order."""
        path, body = f"/{self._search.prefix}_products", {"_source": list(fields), "size": FETCH_ROWS, "sort": ["_doc"]}
        self._search.request("POST", f"{path}/_refresh", seconds=SEARCH_SECONDS)
        page = self._search.request("POST", f"{path}/_search?scroll=1m", body, seconds=SEARCH_SECONDS)
        while hits := page["hits"]["hits"]:
            yield from ({"_id": hit["_id"], **hit["_source"]} for hit in hits)
            more = {"scroll": "1m", "scroll_id": page["_scroll_id"]}
            page = self._search.request("POST", "/_search/scroll", more, seconds=SEARCH_SECONDS)
        self._search.request("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})

    def close(self) -> None:
        self._search.transport.close()
        self._postgres.close()
        self.mongo.close()


@contextmanager
def open_stores(url_of: Any) -> Iterator[Stores]:
    """Connect to the stores; `url_of(NAME)` gives the address of a server."""
    stores = Stores(url_of("postgres"), url_of("mongodb"), url_of("kafka"), url_of("elasticsearch"))
    try:
        yield stores
    finally:
        stores.close()
