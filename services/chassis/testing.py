"""For tests: stores on the running instance's real servers, each in a schema or database of its own."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import create_engine, text

from services.chassis.migrations import steps
from services.chassis.runtime.settings import Settings
from services.chassis.stores import elastic, mongo, postgres, redis

P = TypeVar("P", bound=postgres.PostgresStore)
M = TypeVar("M", bound=mongo.MongoStore)
R = TypeVar("R", bound=redis.RedisStore)
E = TypeVar("E", bound=elastic.ElasticStore)


def _fresh(service: str) -> str:
    return f"test_{service}_{uuid.uuid4().hex[:10]}"


@contextmanager
def connect_postgres(service: str, store_class: type[P], size: int = 32) -> Iterator[P]:
    """The service's store in an empty, migrated schema that is dropped at the end."""
    url, schema = Settings().postgres_url, _fresh(service)
    steps.upgrade_postgres(service, url, schema)
    store = postgres.open_store(store_class, url, schema, size)
    try:
        store.seed()
        yield store
    finally:
        store.close()
        owner = create_engine(postgres.service_url(url, schema))
        with owner.begin() as connection:
            connection.execute(text(f'drop schema "{schema}" cascade'))
        owner.dispose()


@contextmanager
def connect_mongo(service: str, store_class: type[M], size: int = 64) -> Iterator[M]:
    """The service's store in an empty, indexed database that is dropped at the end."""
    database = _fresh(service)
    store = mongo.open_store(store_class, Settings().mongo_url, database, size)
    try:
        store.indexes()
        store.seed()
        yield store
    finally:
        store.client.drop_database(database)
        store.client.close()


@contextmanager
def connect_redis(_service: str, store_class: type[R]) -> Iterator[R]:
    """The service's store on the instance's Redis; keys carry random ids, so tests don't meet."""
    store = redis.open_store(store_class, Settings().redis_url)
    try:
        yield store
    finally:
        store.redis.close()


@contextmanager
def connect_elastic(service: str, store_class: type[E], size: int = 32) -> Iterator[E]:
    """The service's store in indexes of its own, which are removed at the end."""
    store = elastic.open_store(store_class, Settings().elasticsearch_url, _fresh(service), size)
    try:
        store.prepare()
        yield store
    finally:
        mine = store.request("GET", f"/_cat/indices/{store.prefix}*?format=json&h=index")
        for index in mine:
            store.request("DELETE", f"/{index['index']}", allow=(404,))
        store.transport.close()
