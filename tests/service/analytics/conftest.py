"""Kafka topics, a database and consumers of each test's own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo.database import Database

from services.analytics.consumer.reader import Reader
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.datasets import Dataset, active_dataset, connect
from services.chassis.common.ids import new_id
from services.chassis.common.kafka_options import options_of
from tests.support.shop import PATIENCE, eventually

PARTITIONS = 3
FREE_PORT_BASE = 21_900
Record = dict[str, Any]
Figures = dict[str, Any]


class ConsumerEnvironment:
    """Four topics, a database and consumers that are separate from the instance's."""

    def __init__(self) -> None:
        self.name = f"test-{new_id()}"
        self.topics = tuple(f"{self.name}-{kind}" for kind in ("order", "payment", "notification", "analytics"))
        self.client = connect(os.environ["ULTRAMARKET_MONGO_URL"])
        self.db: Database[Record] = self.client[self.name]
        self.written_count = 0
        self.zone = "UTC"
        self._admin = AdminClient(options_of(os.environ["ULTRAMARKET_KAFKA_URL"]))
        self._producer = Producer(options_of(os.environ["ULTRAMARKET_KAFKA_URL"]))
        creations = self._admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in self.topics])
        for topic in creations.values():
            topic.result()
        self._running: list[tuple[Reader, threading.Thread]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def settings(self, **changes: Any) -> AnalyticsSettings:
        return AnalyticsSettings(analytics_group=self.name, time_zone=self.zone, **changes)

    def write(self, history: Iterable[Record]) -> None:
        """Write records as the bridge does: topic by source, key by subject."""
        for record in history:
            kind = {"orders": 0, "payments": 1, "notifications": 2}.get(record["source"][1:], 3)
            self._producer.produce(self.topics[kind], orjson.dumps(record), record["subject"])
            self.written_count += 1
        self._producer.flush(20)

    def write_raw(self, *values: bytes) -> None:
        for value in values:
            self._producer.produce(self.topics[0], value)
            self.written_count += 1
        self._producer.flush(20)

    def start_consumer(self, **changes: Any) -> Reader:
        """Run a consumer in a thread."""
        reader = Reader(self.settings(**changes), self.name, self.topics)
        thread = threading.Thread(target=reader.run, daemon=True)
        thread.start()
        self._running.append((reader, thread))
        return reader

    def spawn(self, batch: int = 20) -> subprocess.Popen[bytes]:
        """Run a consumer in a process that can be killed."""
        environment = {
            "ULTRAMARKET_ANALYTICS_GROUP": self.name,
            "ULTRAMARKET_ANALYTICS_BATCH": str(batch),
            "ULTRAMARKET_PORT_BASE": str(FREE_PORT_BASE + len(self._processes)),
        }
        command = [sys.executable, "-m", "services.analytics.consumer", self.name, *self.topics]
        process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for reader, _ in self._running:
            reader.stopping.set()
        for _, thread in self._running:
            thread.join(20)
        self._running.clear()

    @property
    def dataset(self) -> Dataset:
        return active_dataset(self.db, self.zone)

    def processed(self) -> int:
        return sum(offset["next"] for offset in self.dataset["offsets"].find())

    def wait(self, seconds: float = PATIENCE) -> Figures:
        """All figures, once all written records are processed."""
        assert eventually(lambda: self.processed() >= self.written_count, seconds), (
            f"{self.processed()} of {self.written_count}"
        )
        return figures(self.dataset)

    def close(self) -> None:
        self.stop()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(60)
        self.client.drop_database(self.name)
        self.client.close()
        self._admin.delete_topics(list(self.topics))


def figures(dataset: Dataset) -> Figures:
    """All counters, customers and stock levels, without zeros."""
    counters = {}
    for document in dataset["counters"].find():
        name = document.pop("_id")
        del document["k"]
        if non_zero := {field: amount for field, amount in document.items() if amount}:
            counters[name] = non_zero
    customers = {document.pop("_id"): _sorted(document) for document in dataset["customers"].find()}
    levels = {document["_id"]: document["on_hand"] for document in dataset["stock_months"].find()}
    return {"counters": counters, "customers": customers, "levels": levels}


def _sorted(document: Record) -> Record:
    return document | {"months": sorted(document.get("months", ()))}


def until(check: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait in small steps, to catch a moment between two batches."""
    deadline = time.monotonic() + seconds
    while not check() and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.fixture
def environment() -> Iterator[ConsumerEnvironment]:
    environment_ = ConsumerEnvironment()
    yield environment_
    environment_.close()
