"""Rebuild: process the topics from their first records into a new dataset, then activate it.

The consumer and the service use the old dataset meanwhile. Records written during the rebuild are processed by the
consumer, which resumes at the offsets of the new dataset.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from confluent_kafka import Consumer, TopicPartition
from pymongo.client_session import ClientSession

from services.analytics.consumer.reader import kafka_options
from services.analytics.consumer.records import ALL_TOPICS, Batch, Partition, batch_of
from services.analytics.settings import AnalyticsSettings
from services.analytics.store.batches import Superseded, write_batch
from services.analytics.store.datasets import DATABASE, Dataset, activate, connect, create_next

KAFKA_TIMEOUT_SECONDS: Final = 20
BATCH_SIZE: Final = 4000
"""Larger than the consumer's batches: a rebuild is short-lived and may use more memory."""

T = TypeVar("T")


class Incomplete(Exception):
    """The topics no longer contain their first records (retention), so older figures would be lost."""


def rebuild(
    settings: AnalyticsSettings,
    report_progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    database: str = DATABASE,
    topics: Sequence[str] = ALL_TOPICS,
    force: bool = False,
) -> int:
    """Rebuild the figures; returns the number of records. `report_progress` is called with (done, total).

    Raises `Incomplete` unless forced, and `Superseded` if another rebuild has begun meanwhile.
    """
    client = connect(settings.mongo_url)
    consumer = Consumer(kafka_options(settings) | {"group.id": f"{settings.analytics_group}-rebuild"})
    try:
        bounds = _partition_bounds(consumer, topics, force)
        dataset = create_next(client[database], settings.time_zone, settings.tracking_retention)
        try:
            with client.start_session() as session:
                done = _read(
                    consumer, dataset, session, bounds, max(settings.analytics_batch, BATCH_SIZE), report_progress
                )
            previous = activate(dataset)
            if previous is None:
                raise Superseded
        except BaseException:
            dataset.drop()
            raise
        previous.drop()
        return done
    finally:
        consumer.close()
        client.close()


def _partition_bounds(consumer: Consumer, names: Sequence[str], force: bool) -> dict[Partition, tuple[int, int]]:
    """The first and the next offset of each partition. Raises `Incomplete`."""
    topics = consumer.list_topics(timeout=KAFKA_TIMEOUT_SECONDS).topics
    bounds: dict[Partition, tuple[int, int]] = {}
    for topic in names:
        for number in topics[topic].partitions if topic in topics else ():
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=KAFKA_TIMEOUT_SECONDS)
            if low > 0 and not force:
                raise Incomplete(f"the first {low} records of {topic}/{number} have been deleted")
            bounds[topic, number] = (low, high)
    return bounds


def _read(
    consumer: Consumer,
    dataset: Dataset,
    session: ClientSession,
    bounds: dict[Partition, tuple[int, int]],
    size: int,
    report_progress: Callable[[int, int], None],
) -> int:
    total, done = sum(high - low for low, high in bounds.values()), 0
    for messages, batch in _read_ahead(_batches(consumer, dataset.offsets(bounds), bounds, size)):
        write_batch(dataset, session, batch.moved, batch.facts, must_serve=False)
        done += messages
        report_progress(min(done, total), total)
    return done


def _batches(
    consumer: Consumer, position: dict[Partition, int], bounds: dict[Partition, tuple[int, int]], size: int
) -> Iterator[tuple[int, Batch]]:
    """The records up to the bounds, in batches that are not empty, each with its number of messages."""
    waiting = {partition for partition, (low, high) in bounds.items() if high > low}
    consumer.assign([TopicPartition(topic, number, low) for (topic, number), (low, _) in bounds.items()])
    while waiting:
        messages = consumer.consume(size, 1.0)
        batch = batch_of(messages, position)
        position |= {partition: following for partition, (_, following) in batch.moved.items()}
        if batch.moved:
            yield len(messages), batch
        waiting = {partition for partition in waiting if position[partition] < bounds[partition][1]}


def _read_ahead(batches: Iterator[T]) -> Iterator[T]:
    """The same batches: while one is being written, which is mostly the database's work, a thread reads the next."""
    with ThreadPoolExecutor(1, "rebuild-reader") as reader:
        following = reader.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = reader.submit(next, batches, None)
            yield batch
