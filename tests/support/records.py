"""A Kafka consumer for tests."""

import os
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from confluent_kafka import Consumer, TopicPartition

from tests.support.shop import PATIENCE

Event = dict[str, Any]


class Topic:
    """Reads one topic from its end at the time of creation (or from its start)."""

    def __init__(self, name: str, from_start: bool = False) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": os.environ["ULTRAMARKET_KAFKA_BOOTSTRAP"],
                "group.id": f"test-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        partitions = self._consumer.list_topics(name, timeout=60).topics[name].partitions
        starts = []
        for number in partitions:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(name, number), timeout=60)
            starts.append(TopicPartition(name, number, low if from_start else high))
        self._consumer.assign(starts)
        self.events: list[Event] = []

    def read_until(self, enough: Callable[[list[Event]], bool], seconds: float = PATIENCE) -> list[Event]:
        """All events read so far, once `enough` is true of them or the time is over."""
        until = time.monotonic() + seconds
        while not enough(self.events) and time.monotonic() < until:
            for record in self._consumer.consume(500, timeout=0.2):
                if record.error() is None:
                    event = orjson.loads(record.value())
                    assert record.key().decode() == event["subject"]
                    self.events.append(event)
        return self.events

    def of(self, subject: str, last: str, seconds: float = PATIENCE) -> list[Event]:
        """The events of one aggregate, in the order of the topic, up to the first of type `last`."""
        self.read_until(lambda events: any(e["subject"] == subject and e["type"] == last for e in events), seconds)
        return [event for event in self.events if event["subject"] == subject]

    def close(self) -> None:
        self._consumer.close()


def first_occurrences(events: Iterable[Event]) -> list[Event]:
    """The events without redeliveries (topics are at least once), recognised by id."""
    seen: set[str] = set()
    return [event for event in events if not (event["id"] in seen or seen.add(event["id"]))]  # type: ignore[func-returns-value]
