"""Kafka records of events: CloudEvents in structured mode, keyed by the aggregate.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from kafka_bridge.pseudonyms import pseudonymise
from schemas.events.base import OTHER_TOPIC, TOPICS


class InvalidEvent(ValueError):
    """The message is not a CloudEvents envelope."""


@dataclass(frozen=True)
class Record:
    """A Kafka record. The value is the message's body, byte for byte unless it had personal values."""

    topic: str
    key: bytes
    value: bytes
    time: datetime


def to_record(body: bytes, key: bytes) -> Record:
    """The record of a message; `key` is the secret of its pseudonyms. Raises `InvalidEvent`."""
    try:
        wrapped = orjson.loads(body)
        source = wrapped["source"].removeprefix("/")
        time = datetime.fromisoformat(wrapped["time"]).astimezone(UTC)
        value = orjson.dumps(wrapped) if pseudonymise(wrapped, key) else body
        return Record(TOPICS.get(source, OTHER_TOPIC), wrapped["subject"].encode(), value, time)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidEvent(str(error)) from error
