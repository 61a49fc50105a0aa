"""The consumer: takes records, counts them, goes on. MongoDB keeps the offsets, beside what they brought about.

Kafka's own committed offsets are not used: where to go on is read from the set that serves whenever partitions are
assigned. A partition's offset moves in the transaction that counts its records, and only from where this process
thinks it is; so a process that lost its partitions and doesn't know it yet counts nothing.
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

from services.analytics.book.counting import Superseded, count
from services.analytics.book.sets import DATABASE, Book, Document, connect, current
from services.analytics.consumer.records import ALL_TOPICS, Batch, Partition, batch_of
from services.analytics.consumer.telemetry import BATCH_SECONDS, BEHIND_SECONDS, LAG
from services.analytics.settings import AnalyticsSettings
from services.chassis.common import clock
from services.chassis.runtime import memory

WAIT_SECONDS: Final = 0.5
"""How long records are gathered for one transaction, unless it is full before."""
RETRY_SECONDS: Final = 0.5
ASK_SECONDS: Final = 1.0

log = structlog.get_logger()


def kafka_options(settings: AnalyticsSettings) -> dict[str, Any]:
    """How records are fetched: twice a second or as soon as there are many, and not more than fits into a small
    process. An answer for each record as it comes would cost the broker more than the record itself.
    """
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
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
    """Counts until `stopping` is set. Waits for servers that are away, however long."""

    def __init__(
        self, settings: AnalyticsSettings, database: str = DATABASE, topics: Sequence[str] = ALL_TOPICS
    ) -> None:
        self.settings, self.topics = settings, topics
        self.stopping = threading.Event()
        self._client: MongoClient[Document] = connect(settings.mongo_url)
        self._db = self._client[database]
        self._was_behind = False
        self._book: Book | None = None
        self._session = self._client.start_session()
        self._position: dict[Partition, int] = {}
        # The consumer itself may not be asked by another thread: both can wait for each other for ever.
        self._asking = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
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
        """Join the group and count."""
        self._consumer.subscribe(list(self.topics), on_assign=self._assigned, on_revoke=self._revoked)
        try:
            while not self.stopping.is_set():
                messages = self._consumer.consume(self.settings.analytics_batch, WAIT_SECONDS)
                self._count(messages)
                self._breathe(len(messages))
        finally:
            self._consumer.close()
            self._client.close()

    def health(self) -> dict[str, str]:
        """How both servers are at this moment."""
        states = {"mongodb": "up", "kafka": "up"}
        try:
            self._db.command("ping")
        except PyMongoError as down:
            states["mongodb"] = f"down: {type(down).__name__}"
        try:
            self._asking.list_topics(timeout=ASK_SECONDS)
        except KafkaException:
            states["kafka"] = "down"
        return states

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._position = {}
        self._go_on([(each.topic, each.partition) for each in partitions], consumer.assign)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("partitions_revoked", count=len(partitions))
        self._position = {}
        for each in partitions:
            LAG.remove(each.topic, str(each.partition))
        consumer.unassign()

    def _go_on(self, partitions: list[Partition], assign: Callable[[list[TopicPartition]], None]) -> None:
        """Read on from where the serving set stands."""

        def look() -> dict[Partition, int]:
            self._book = current(self._db, self.settings.time_zone)
            self._book.make()
            self._session = self._client.start_session()
            self._book.hold(self._session, partitions)
            return self._book.offsets(partitions)

        offsets = self._persistently(look)
        if offsets is None or self._book is None:
            return
        if self._book.zone != self.settings.time_zone:
            log.warning("time_zone_waits_for_rebuild", counted_in=self._book.zone, wanted=self.settings.time_zone)
        self._position = offsets
        assign([TopicPartition(topic, number, offsets[topic, number]) for topic, number in offsets])
        log.info("partitions_assigned", count=len(offsets), set=self._book.name)

    def _count(self, messages: list[Any]) -> None:
        batch = batch_of(messages, self._position)
        if not batch.moved or self._book is None:
            return
        book, begun = self._book, time.perf_counter()
        try:
            if not self._persistently(lambda: _counted(book, self._session, batch)):
                return
        except Superseded:
            log.warning("superseded", set=book.name)
            self._go_on(list(self._position), self._consumer.assign)
            return
        self._position |= {partition: following for partition, (_, following) in batch.moved.items()}
        BATCH_SECONDS.observe(time.perf_counter() - begun)
        batch.report()
        self._measure(batch.moved)
        if batch.facts:
            BEHIND_SECONDS.set((clock.now() - max(fact.at for fact in batch.facts)).total_seconds())

    def _breathe(self, read: int) -> None:
        """After a backlog, give the memory back that it took; the C library would keep it."""
        if read == self.settings.analytics_batch:
            self._was_behind = True
        elif self._was_behind:
            self._was_behind = False
            memory.trim()

    def _measure(self, moved: dict[Partition, tuple[int, int]]) -> None:
        for (topic, number), (_, following) in moved.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            LAG.labels(topic, str(number)).set(max(0, high - following))

    def _persistently(self, work: Callable[[], Any]) -> Any:
        """The result, as soon as MongoDB gives it; None when a stop is asked for meanwhile."""
        while not self.stopping.is_set():
            try:
                return work()
            except PyMongoError as away:
                log.warning("mongodb_away", error=str(away)[:300])
                self.stopping.wait(RETRY_SECONDS)
        return None


def _counted(book: Book, session: ClientSession, batch: Batch) -> bool:
    count(book, session, batch.moved, batch.facts)
    return True
