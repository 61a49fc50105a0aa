"""Conversion of events to Kafka records: topic, key, value and headers."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_bridge.bridge import EVENT_SOURCES
from kafka_bridge.records import InvalidEvent, to_record
from kafka_bridge.topics import ALL_TOPICS
from schemas.events.kafka import record_headers
from services.chassis.runtime.registry import SERVICES


def event(**changes: object) -> bytes:
    envelope = {
        "id": "1",
        "source": "/orders",
        "type": "order_placed",
        "subject": "o-1",
        "time": "2026-01-31T12:00:00Z",
    }
    return orjson.dumps(envelope | changes)


@pytest.mark.parametrize(
    ("source", "topic"),
    [
        ("/orders", "order-events"),
        ("/payments", "payment-events"),
        ("/notifications", "notification-events"),
        ("/inventory", "analytics-events"),
        ("/somebody-new", "analytics-events"),
    ],
)
def test_topic_of_source(source: str, topic: str) -> None:
    assert to_record(event(source=source)).topic == topic
    assert topic in ALL_TOPICS


def test_key_and_value_of_record() -> None:
    body = b'{ "subject":"\xc3\xa9-1",  "source":"/orders","time":"2026-01-31T13:00:00+01:00" }'

    record = to_record(body)

    assert (record.key, record.value) == ("é-1".encode(), body)
    assert record.time == datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_record_headers_are_cloud_events() -> None:
    assert record_headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_every_service_is_a_source() -> None:
    assert set(SERVICES) - {"audit"} <= set(EVENT_SOURCES)
    assert not {"gateway", "bridge", "audit"} & set(EVENT_SOURCES)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"3",
        b"{}",
        event(subject=None),
        event(subject=7),
        event(source=["/orders"]),
        event(time="yesterday"),
        event(time=None),
    ],
)
def test_invalid_event_raises(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        to_record(body)


@given(st.binary() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner), max_leaves=3).map(orjson.dumps))
def test_any_bytes_are_record_or_invalid_event(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        to_record(body)
