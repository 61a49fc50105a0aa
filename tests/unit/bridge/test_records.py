"""An event as a record: where it goes, under which key, as what."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_bridge.bridge import SOURCES
from kafka_bridge.records import HEADERS, NotAnEvent, record_of
from kafka_bridge.topics import ALL_TOPICS
from services.chassis.runtime.registry import SERVICES


def event(**changes: object) -> bytes:
    wrapped = {"id": "1", "source": "/orders", "type": "order_placed", "subject": "o-1", "time": "2026-01-31T12:00:00Z"}
    return orjson.dumps(wrapped | changes)


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
def test_a_source_has_its_topic(source: str, topic: str) -> None:
    assert record_of(event(source=source)).topic == topic
    assert topic in ALL_TOPICS


def test_the_key_is_the_aggregate_and_the_value_what_came_byte_for_byte() -> None:
    body = b'{ "subject":"\xc3\xa9-1",  "source":"/orders","time":"2026-01-31T13:00:00+01:00" }'

    record = record_of(body)

    assert (record.key, record.value) == ("é-1".encode(), body)
    assert record.time == datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_records_say_that_they_are_cloud_events() -> None:
    assert HEADERS == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_every_service_is_heard() -> None:
    assert set(SERVICES) - {"audit"} <= set(SOURCES)
    assert not {"gateway", "bridge", "audit"} & set(SOURCES)


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
def test_what_is_no_event_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        record_of(body)


@given(st.binary() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner), max_leaves=3).map(orjson.dumps))
def test_whatever_comes_is_a_record_or_no_event_and_never_a_crash(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        record_of(body)
