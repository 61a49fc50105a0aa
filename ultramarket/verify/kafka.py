"""Reads a Kafka topic from its beginning to its present end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

BATCH: Final = 10_000
IDLE_SECONDS: Final = 15.0
"""Seconds without a record after which the topic counts as unreadable."""
KAFKA_SECONDS: Final = 10.0


class Topic:
    """A topic's records. Its methods raise `TimeoutError` and `KafkaException`."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap, self.name = bootstrap, name

    def complete_since(self) -> datetime | None:
        """The time from which on no partition has lost records to retention; None when none was ever deleted."""
        with self._consumer() as consumer:
            bounds = self._bounds(consumer)
            truncated = {number: first for number, (first, _) in bounds.items() if first > 0}
            times = [datetime.now(UTC) for number in truncated if bounds[number][0] == bounds[number][1]]
            starts = {number: first for number, first in truncated.items() if first < bounds[number][1]}
            for message in self._messages(consumer, starts, dict.fromkeys(starts, 0)):
                if starts.pop(message.partition(), None) is not None:
                    times.append(datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))
        return max(times, default=None)

    def read(self) -> Iterator[bytes]:
        """The values of the records that the topic has now, each partition in order."""
        with self._consumer() as consumer:
            bounds = {number: (first, end) for number, (first, end) in self._bounds(consumer).items() if end > first}
            starts = {number: first for number, (first, _) in bounds.items()}
            for message in self._messages(consumer, starts, {number: end for number, (_, end) in bounds.items()}):
                yield message.value() or b""

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        from confluent_kafka import Consumer

        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "verify",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",  # when retention deletes the first records meanwhile
                "log_level": 0,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    def _bounds(self, consumer: Any) -> dict[int, tuple[int, int]]:
        """The first and the next offset of each partition."""
        from confluent_kafka import TopicPartition

        partitions = consumer.list_topics(self.name, timeout=KAFKA_SECONDS).topics[self.name].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(self.name, number), timeout=KAFKA_SECONDS)
            for number in partitions
        }

    def _messages(self, consumer: Any, starts: dict[int, int], ends: dict[int, int]) -> Iterator[Any]:
        """Messages of each partition in `starts` from there until one reaches its end."""
        from confluent_kafka import TopicPartition

        consumer.assign([TopicPartition(self.name, number, first) for number, first in starts.items()])
        unfinished = dict(ends)
        idle_at = time.monotonic() + IDLE_SECONDS
        while unfinished:
            for message in consumer.consume(BATCH, 1.0):
                if message.error():
                    continue
                idle_at = time.monotonic() + IDLE_SECONDS
                if message.offset() >= unfinished.get(message.partition(), message.offset() + 2) - 1:
                    del unfinished[message.partition()]
                yield message
            if time.monotonic() > idle_at:
                raise TimeoutError(f"Kafka gives no records of {self.name}")
