"""An event as a Kafka record: CloudEvents in structured mode, keyed by the aggregate.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from schemas.events.base import OTHER_TOPIC, TOPICS

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


class NotAnEvent(ValueError):
    """The message is not a CloudEvents envelope, so it has no topic."""


@dataclass(frozen=True)
class Record:
    """A Kafka record of an event: topic, key, and the message's bytes as the value."""

    topic: str
    key: bytes
    value: bytes
    time: datetime


def record_of(body: bytes) -> Record:
    """Build the record of a message. Raises `NotAnEvent`."""
    try:
        wrapped = orjson.loads(body)
        source = wrapped["source"].removeprefix("/")
        time = datetime.fromisoformat(wrapped["time"]).astimezone(UTC)
        return Record(TOPICS.get(source, OTHER_TOPIC), wrapped["subject"].encode(), body, time)
    except (ValueError, KeyError, TypeError, AttributeError) as malformed:
        raise NotAnEvent(str(malformed)) from malformed
