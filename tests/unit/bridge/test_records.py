"""Conversion of events to Kafka records: topic, key, value and headers."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka_bridge.bridge import EVENT_SOURCES
from kafka_bridge.records import InvalidEvent, to_record
from kafka_bridge.topics import ALL_TOPICS
from schemas.events.kafka import record_headers
from services.chassis.runtime.registry import SERVICES

KEY = b"the secret of a test"


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
    assert to_record(event(source=source), KEY).topic == topic
    assert topic in ALL_TOPICS


def test_key_and_value_of_record() -> None:
    body = b'{ "subject":"\xc3\xa9-1",  "source":"/orders","time":"2026-01-31T13:00:00+01:00" }'

    record = to_record(body, KEY)

    assert (record.key, record.value) == ("é-1".encode(), body)
    assert record.time == datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_record_headers_are_cloud_events() -> None:
    assert record_headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


PERSON = {"email": "Ada@Example.com", "first_name": "Ada", "last_name": "Byron"}
ADDRESS = {"name": "Ada Byron", "line1": "12 Square", "city": "Springfield", "region": "OR", "country": "US"}


def record_of(type_: str = "order_placed", data: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(to_record(event(type=type_, data=data or {}, **changes), KEY).value)
    return value


def test_records_hold_pseudonyms_of_persons() -> None:
    data = record_of(data=PERSON | {"user_id": "u-1", "total": 5, "shipping_address": ADDRESS, "note": "ring twice"})[
        "data"
    ]

    assert data.pop("email").endswith("@pseudonym.invalid")
    assert data == {
        "first_name": "",
        "last_name": "",
        "user_id": "u-1",
        "total": 5,
        "shipping_address": {"country": "US", "region": "OR"},
        "note": None,
    }


def test_one_address_has_one_pseudonym() -> None:
    first, same = (record_of(data={"email": email})["data"] for email in ("ada@example.com", " ADA@example.com"))
    other = record_of(data={"email": "bob@example.com"})["data"]

    assert first == same != other


def test_texts_that_people_write_are_removed() -> None:
    cancelled = record_of("order_cancelled", {"reason": "my dog Rex ate it"})
    failed = record_of("order_failed", {"reason": "Not enough stock"})

    assert (cancelled["data"]["reason"], failed["data"]["reason"]) == (None, "Not enough stock")


def test_actor_is_reduced_to_roles() -> None:
    actor = '{"email":"boss@example.com","roles":["ADMIN"],"ip":"10.0.0.1","user_agent":"curl"}'

    assert record_of(actor=actor)["actor"] == '{"roles":["ADMIN"]}'


def test_guest_as_recipient_is_a_pseudonym() -> None:
    data = {"recipient": "ada@example.com", "kind": "order_confirmed"}
    record = to_record(event(source="/notifications", subject="ada@example.com", data=data), KEY)

    assert b"ada@" not in record.key + record.value
    assert record.key.decode() == orjson.loads(record.value)["data"]["recipient"]


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
        to_record(body, KEY)


@given(st.binary() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner), max_leaves=3).map(orjson.dumps))
def test_any_bytes_are_record_or_invalid_event(body: bytes) -> None:
    with pytest.raises(InvalidEvent):
        to_record(body, KEY)
