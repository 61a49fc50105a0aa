"""Reads a Kafka topic from its beginning to its present end."""

import time
from collections.abc import Iterator
from typing import Any, Final

BATCH: Final = 10_000
IDLE_SECONDS: Final = 15.0
"""Seconds without a record after which the topic counts as unreadable."""


def read_topic(bootstrap: str, topic: str) -> Iterator[bytes]:
    """The values of all records that the topic has now, each partition in order. Raises `TimeoutError`."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "verify", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends: dict[int, int] = {}
        for partition in partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            if end > first:
                ends[partition] = end
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        idle_at = time.monotonic() + IDLE_SECONDS
        while ends:
            for message in _values(consumer.consume(BATCH, 1.0)):
                idle_at = time.monotonic() + IDLE_SECONDS
                partition = message.partition()
                if message.offset() >= ends.get(partition, 0) - 1:
                    ends.pop(partition, None)
                yield message.value()
            if time.monotonic() > idle_at:
                raise TimeoutError(f"Kafka gives no records of {topic}")
    finally:
        consumer.close()


def _values(messages: list[Any]) -> Iterator[Any]:
    return (message for message in messages if not message.error() and message.value())
