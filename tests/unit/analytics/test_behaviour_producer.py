"""The producer of behaviour events while Kafka is unavailable: it neither blocks nor fails, and counts losses."""

from collections.abc import Iterator

import pytest

from services.analytics.providers.behaviour_producer import TRACKED, BehaviourProducer

UNREACHABLE = "127.0.0.1:1"
ENVELOPE = {"subject": "session-1", "data": {}}


def count_of(outcome: str) -> float:
    return TRACKED.labels(outcome)._value.get()


@pytest.fixture
def producer() -> Iterator[BehaviourProducer]:
    producer = BehaviourProducer({"bootstrap.servers": UNREACHABLE}, max_queued=3)
    yield producer
    producer.purge()


def test_events_are_queued_while_kafka_is_away(producer: BehaviourProducer) -> None:
    taken, lost = count_of("taken"), count_of("lost")

    for _ in range(3):
        producer.write(ENVELOPE)

    assert (count_of("taken") - taken, count_of("lost") - lost) == (3, 0)
    assert producer.flush(0) == 3


def test_events_beyond_the_queue_are_counted_as_lost(producer: BehaviourProducer) -> None:
    lost = count_of("lost")

    for _ in range(5):
        producer.write(ENVELOPE)

    assert count_of("lost") - lost == 2


def test_expired_events_are_counted_as_lost() -> None:
    producer = BehaviourProducer({"bootstrap.servers": UNREACHABLE}, timeout_ms=200)
    lost = count_of("lost")
    producer.write(ENVELOPE)

    left = producer.flush(20)

    assert (left, count_of("lost") - lost) == (0, 1)
