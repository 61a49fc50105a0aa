"""A search through everything that the instance under test stores, for texts that identify a person.

Searched are all tables of PostgreSQL, all collections of MongoDB, all keys of Redis, all documents of Elasticsearch,
all records in Kafka, and the instance's files: uploads and logs.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import redis
import requests
from confluent_kafka import Consumer, TopicPartition
from pymongo import MongoClient

Place = tuple[str, str]
"""Where something was found, and the text."""


def places_of(texts: Iterable[str]) -> set[Place]:
    """Where any of the texts occurs, in any case."""
    needles = [text.lower() for text in texts]
    return {
        (place, needle)
        for search in (_postgres, _mongo, _redis, _elasticsearch, _kafka, _files)
        for place, content in search(needles)
        for needle in needles
        if needle in content.lower()
    }


def _postgres(needles: list[str]) -> Iterator[Place]:
    tables = (
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema not in ('pg_catalog', 'information_schema')"
    )
    with closing(psycopg2.connect(os.environ["ULTRAMARKET_POSTGRES_URL"])) as connection:
        cursor = connection.cursor()
        cursor.execute(tables)
        patterns = [f"%{needle}%" for needle in needles]
        for schema, table in cursor.fetchall():
            query = f'select row_.*::text from "{schema}"."{table}" row_ where lower(row_::text) like any(%s)'
            cursor.execute(query, (patterns,))
            for row in cursor.fetchall():
                yield f"PostgreSQL {schema}.{table}", " ".join(map(str, row))


def _mongo(_needles: list[str]) -> Iterator[Place]:
    with MongoClient(os.environ["ULTRAMARKET_MONGO_URL"]) as client:
        for database in client.list_database_names():
            if database in ("admin", "config", "local"):
                continue
            for collection in client[database].list_collection_names():
                for document in client[database][collection].find():
                    yield f"MongoDB {database}.{collection}", str(document)


def _redis(_needles: list[str]) -> Iterator[Place]:
    with redis.Redis.from_url(os.environ["ULTRAMARKET_REDIS_URL"]) as client:
        for key in client.scan_iter(count=1000):
            yield f"Redis {key.decode()}", repr((key, _value(client, key)))


def _value(client: "redis.Redis", key: bytes) -> Any:
    kind = client.type(key).decode()
    read = {
        "hash": client.hgetall,
        "set": client.smembers,
        "zset": lambda name: client.zrange(name, 0, -1),
        "list": lambda name: client.lrange(name, 0, -1),
        "stream": client.xrange,
        "string": client.get,
    }
    return read[kind](key) if kind in read else None


def _elasticsearch(needles: list[str]) -> Iterator[Place]:
    url = os.environ["ULTRAMARKET_ELASTICSEARCH_URL"]
    for needle in needles:
        query = {"query": {"query_string": {"query": f'"{needle}"', "default_operator": "AND"}}, "size": 100}
        reply = requests.post(f"{url}/*/_search", json=query, timeout=60)
        reply.raise_for_status()
        for hit in reply.json()["hits"]["hits"]:
            yield f"Elasticsearch {hit['_index']}", str(hit["_source"])


def _kafka(_needles: list[str]) -> Iterator[Place]:
    options = {"bootstrap.servers": os.environ["ULTRAMARKET_KAFKA_BOOTSTRAP"], "group.id": "search-for-a-person"}
    consumer = Consumer(options | {"enable.auto.commit": False, "auto.offset.reset": "earliest"})
    try:
        for name, topic in consumer.list_topics(timeout=30).topics.items():
            if name.startswith("_"):
                continue
            for partition in topic.partitions:
                yield from ((f"Kafka {name}", content) for content in _partition(consumer, name, partition))
    finally:
        consumer.close()


def _partition(consumer: Consumer, topic: str, number: int) -> Iterator[str]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
    consumer.assign([TopicPartition(topic, number, low)])
    while low < high:
        for message in consumer.consume(min(500, high - low), timeout=30):
            assert message.error() is None, message.error()
            low = message.offset() + 1
            yield f"{message.key()!r} {(message.value() or b'').decode()}"


def _files(_needles: list[str]) -> Iterator[Place]:
    """Logs and uploads. Not the mail server's folder: it stands for other people's mail boxes."""
    home = Path(os.environ["ULTRAMARKET_HOME"])
    for folder in ("logs", "files"):
        for path in (home / folder).rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(home)}", path.read_bytes().decode(errors="replace")
