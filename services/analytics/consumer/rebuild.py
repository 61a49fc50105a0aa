"""Count everything again, from the topics' first records, into a new set beside the one that serves; then swap.

The consumer and the service go on with the old set meanwhile. What is written while this runs is counted by the
consumer, which goes on from where the new set stands.
"""

from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from pymongo.client_session import ClientSession

from services.analytics.book.counting import Superseded, count
from services.analytics.book.sets import DATABASE, Book, begin_another, connect, put_in_place
from services.analytics.consumer.reader import kafka_options
from services.analytics.consumer.records import ALL_TOPICS, Partition, batch_of
from services.analytics.settings import AnalyticsSettings

ASK_SECONDS: Final = 20
AT_ONCE: Final = 4000
"""A rebuild may take more memory than the consumer: it ends."""


class Incomplete(Exception):
    """The topics don't reach back to the first record any more: what was counted of older ones would be gone."""


def rebuild(
    settings: AnalyticsSettings,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    database: str = DATABASE,
    topics: Sequence[str] = ALL_TOPICS,
    force: bool = False,
) -> int:
    """How many records were counted again. `tell` hears how many of how many. Raises `Incomplete` unless forced,
    and `Superseded` when another rebuild was begun meanwhile.
    """
    client = connect(settings.mongo_url)
    consumer = Consumer(kafka_options(settings) | {"group.id": f"{settings.analytics_group}-rebuild"})
    try:
        ends = _ends(consumer, topics, force)
        book = begin_another(client[database], settings.time_zone)
        try:
            with client.start_session() as session:
                done = _read(consumer, book, session, ends, max(settings.analytics_batch, AT_ONCE), tell)
            old = put_in_place(book)
            if old is None:
                raise Superseded
        except BaseException:
            book.drop()
            raise
        old.drop()
        return done
    finally:
        consumer.close()
        client.close()


def _ends(consumer: Consumer, wanted: Sequence[str], force: bool) -> dict[Partition, tuple[int, int]]:
    """The first and the next offset of each partition."""
    topics = consumer.list_topics(timeout=ASK_SECONDS).topics
    ends: dict[Partition, tuple[int, int]] = {}
    for topic in wanted:
        for number in topics[topic].partitions if topic in topics else ():
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ASK_SECONDS)
            if low > 0 and not force:
                raise Incomplete(f"the first {low} records of {topic}/{number} are no longer kept")
            ends[topic, number] = (low, high)
    return ends


def _read(
    consumer: Consumer,
    book: Book,
    session: ClientSession,
    ends: dict[Partition, tuple[int, int]],
    size: int,
    tell: Callable[[int, int], None],
) -> int:
    position = book.offsets(ends)
    total = sum(high - low for low, high in ends.values())
    waiting = {partition for partition, (low, high) in ends.items() if high > low}
    consumer.assign([TopicPartition(topic, number, low) for (topic, number), (low, _) in ends.items()])
    done = 0
    while waiting:
        messages = consumer.consume(size, 1.0)
        batch = batch_of(messages, position)
        if batch.moved:
            count(book, session, batch.moved, batch.facts, must_serve=False)
            position |= {partition: following for partition, (_, following) in batch.moved.items()}
            done += len(messages)
            tell(min(done, total), total)
        waiting = {partition for partition in waiting if position[partition] < ends[partition][1]}
    return done
