"""Batches: Kafka messages parsed into facts, with the offsets of their partitions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from schemas.events.base import OTHER_TOPIC, TOPICS
from services.analytics.consumer.telemetry import RECORDS
from services.analytics.domain.facts import Fact, Skipped, parse_record

ALL_TOPICS: Final = (*TOPICS.values(), OTHER_TOPIC)
Partition = tuple[str, int]

log = structlog.get_logger()


@dataclass
class Batch:
    """A batch of facts and the offsets that it covers."""

    facts: list[Fact] = field(default_factory=list)
    moved: dict[Partition, tuple[int, int]] = field(default_factory=dict)
    """By partition: the next offset before and after the batch."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def report(self) -> None:
        """Add the outcomes to the metrics, once the batch is written."""
        for (topic, outcome), number in self.outcomes.items():
            RECORDS.labels(topic, outcome).inc(number)


def batch_of(messages: Iterable[Any], position: dict[Partition, int]) -> Batch:
    """Build a batch from messages. Messages before `position` or of unassigned partitions are left out."""
    batch = Batch()
    for message in messages:
        error = message.error()
        if error is not None:
            log.warning("kafka_error", error=str(error), topic=message.topic())
            continue
        partition = (message.topic(), message.partition())
        offset = message.offset()
        begin, following = batch.moved.get(partition) or (position.get(partition), position.get(partition))
        if begin is None or following is None or offset < following:
            continue
        batch.moved[partition] = (begin, offset + 1)
        try:
            batch.facts.append(parse_record(message.value()))
            batch.outcomes[partition[0], "counted"] += 1
        except Skipped as skipped:
            batch.outcomes[partition[0], skipped.reason] += 1
            if skipped.reason != "ignored":
                log.warning("record_skipped", reason=skipped.reason, topic=partition[0], offset=offset)
    return batch
