"""The consumer loop: polls Kafka and writes batches to the active dataset, with the offsets in the same transaction.

Kafka's committed offsets are not used: offsets are loaded from the active dataset whenever partitions are assigned. The
transaction that counts a partition's records advances its offset only from the value that this process expects, so a
process that has lost its partitions without knowing it writes nothing.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from services.analytics.consumer.records import ALL_TOPICS, Batch, Partition, batch_of
from services.analytics.consumer.telemetry import BATCH_SECONDS, BEHIND_SECONDS, LAG
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.batches import Superseded, write_batch
from services.analytics.store.datasets import DATABASE, Dataset, Document, active_dataset, connect
from services.chassis.common import clock
from services.chassis.common.kafka_options import kafka_options as client_options
from services.chassis.runtime import memory

GATHER_SECONDS: Final = 0.5
"""How long records are gathered for one batch, unless it is full earlier."""
RETRY_SECONDS: Final = 0.5
KAFKA_TIMEOUT_SECONDS: Final = 1.0

log = structlog.get_logger()


def kafka_options(settings: AnalyticsSettings) -> dict[str, Any]:
    """Consumer options: fetches are batched (twice a second, or 128 KiB) to spare the broker, and bounded in memory."""
    return client_options(settings) | {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 500,
        "fetch.min.bytes": 128 * 1024,
        "fetch.message.max.bytes": 256 * 1024,
        "queued.max.messages.kbytes": 4096,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 5000,
    }


class Reader:
    """Processes records until `stopping` is set. Unavailable servers are retried without limit."""

    def __init__(
        self, settings: AnalyticsSettings, database: str = DATABASE, topics: Sequence[str] = ALL_TOPICS
    ) -> None:
        self.settings, self.topics = settings, topics
        self.stopping = threading.Event()
        self._client: MongoClient[Document] = connect(settings.mongo_url)
        self._db = self._client[database]
        self._was_behind = False
        self._dataset: Dataset | None = None
        self._session = self._client.start_session()
        self._position: dict[Partition, int] = {}
        # The health thread needs a client of its own: calls to the consumer from another thread can deadlock.
        self._admin = AdminClient(client_options(settings) | {"log_level": 0})
        self._consumer = Consumer(
            kafka_options(settings)
            | {
                "group.id": settings.analytics_group,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "partition.assignment.strategy": "range",
                "error_cb": lambda error: log.warning("kafka_error", error=str(error)),
            }
        )

    def run(self) -> None:
        """Join the consumer group and process records."""
        self._consumer.subscribe(list(self.topics), on_assign=self._assigned, on_revoke=self._revoked)
        try:
            while not self.stopping.is_set():
                messages = self._consumer.consume(self.settings.analytics_batch, GATHER_SECONDS)
                self._process(messages)
                self._trim_memory(len(messages))
        finally:
            self._consumer.close()
            self._client.close()

    def health(self) -> dict[str, str]:
        """The current state of MongoDB and Kafka."""
        states = {"mongodb": "up", "kafka": "up"}
        try:
            self._db.command("ping")
        except PyMongoError as down:
            states["mongodb"] = f"down: {type(down).__name__}"
        try:
            self._admin.list_topics(timeout=KAFKA_TIMEOUT_SECONDS)
        except KafkaException:
            states["kafka"] = "down"
        return states

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._position = {}
        self._resume([(each.topic, each.partition) for each in partitions], consumer.assign)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions_revoked", count=len(partitions))
        self._position = {}
        for each in partitions:
            LAG.remove(each.topic, str(each.partition))
        consumer.unassign()

    def _resume(self, partitions: list[Partition], assign: Callable[[list[TopicPartition]], None]) -> None:
        """Resume the partitions at the offsets of the active dataset."""

        def load_offsets() -> dict[Partition, int]:
            self._dataset = active_dataset(self._db, self.settings.time_zone)
            self._dataset.create_collections(self.settings.tracking_retention)
            self._session = self._client.start_session()
            self._dataset.take_over(self._session, partitions)
            return self._dataset.offsets(partitions)

        offsets = self._retry_until_stopped(load_offsets)
        if offsets is None or self._dataset is None:
            return
        if self._dataset.zone != self.settings.time_zone:
            log.warning("time_zone_waits_for_rebuild", dataset_zone=self._dataset.zone, names=self.settings.time_zone)
        self._position = offsets
        assign([TopicPartition(topic, number, offsets[topic, number]) for topic, number in offsets])
        log.info("partitions_assigned", count=len(offsets), dataset=self._dataset.name)

    def _process(self, messages: list[Any]) -> None:
        batch = batch_of(messages, self._position)
        if not batch.moved or self._dataset is None:
            return
        dataset, started_at = self._dataset, time.perf_counter()
        try:
            if not self._retry_until_stopped(lambda: _write(dataset, self._session, batch)):
                return
        except Superseded:
            log.warning("superseded", dataset=dataset.name)
            self._resume(list(self._position), self._consumer.assign)
            return
        self._position |= {partition: following for partition, (_, following) in batch.moved.items()}
        BATCH_SECONDS.observe(time.perf_counter() - started_at)
        batch.report()
        self._update_lag(batch.moved)
        if batch.facts:
            BEHIND_SECONDS.set((clock.now() - max(fact.at for fact in batch.facts)).total_seconds())

    def _trim_memory(self, read: int) -> None:
        """After a backlog, return freed memory to the operating system; the C library would keep it."""
        if read == self.settings.analytics_batch:
            self._was_behind = True
        elif self._was_behind:
            self._was_behind = False
            memory.trim()

    def _update_lag(self, moved: dict[Partition, tuple[int, int]]) -> None:
        for (topic, number), (_, following) in moved.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            LAG.labels(topic, str(number)).set(max(0, high - following))

    def _retry_until_stopped(self, work: Callable[[], Any]) -> Any:
        """Call `work` until MongoDB is available; None if a stop is requested meanwhile."""
        while not self.stopping.is_set():
            try:
                return work()
            except PyMongoError as error:
                log.warning("mongodb_unavailable", error=str(error)[:300])
                self.stopping.wait(RETRY_SECONDS)
        return None


def _write(dataset: Dataset, session: ClientSession, batch: Batch) -> bool:
    write_batch(dataset, session, batch.moved, batch.facts)
    return True
