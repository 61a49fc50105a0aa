"""Dead letters on a real broker: listing, replay."""

import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import amqp
import orjson
import pytest

from services.chassis.common.ids import new_id
from services.chassis.messaging.transport import connect
from tests.support.shop import eventually
from ultramarket import dead_letters


@pytest.fixture
def instance() -> Any:
    return SimpleNamespace(url=lambda _server: os.environ["ULTRAMARKET_AMQP_URL"])


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service that does not run, with its event queue and its dead letter queue."""
    name = f"ghost-{new_id()}"
    monkeypatch.setattr(dead_letters, "consumers", lambda: ("nobody-ever", name))
    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    channel = connection.channel()
    queues = (f"evt-{name}", f"evt-{name}.dead", f"evt-{name}.stream")
    for queue in queues:
        channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    yield name
    for queue in queues:
        channel.queue_delete(queue)
    connection.close()


def publish_dead_letter(service: str, event_id: str, **more_headers: str) -> None:
    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    body = orjson.dumps({"id": event_id, "type": "order_confirmed", "subject": "o1", "time": "2026-01-01T00:00:00Z"})
    headers = {
        "x-attempt": 8,
        "x-handler": "on_order",
        "x-error": "KeyError: 'sku'",
        "x-died-at": "2026-01-01T01:00:00Z",
        **more_headers,
    }
    message = amqp.Message(body, content_type="application/json", delivery_mode=2, application_headers=headers)
    channel = connection.channel()
    channel.confirm_select()
    channel.basic_publish_confirm(message, exchange="", routing_key=f"evt-{service}.dead")
    connection.close()


def test_listing_shows_the_error_and_keeps_the_letter(instance: Any, service: str) -> None:
    publish_dead_letter(service, "e1")

    for _ in range(2):
        [letter] = dead_letters.dead_letters(instance)
        assert (letter["service"], letter["id"], letter["attempts"]) == (service, "e1", 8)
        assert letter["error"] == "KeyError: 'sku'"


def test_message_that_is_no_event_is_shown_as_received(instance: Any, service: str) -> None:
    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    for body in (b"not json", b"[1]"):
        connection.channel(1).basic_publish(amqp.Message(body), exchange="", routing_key=f"evt-{service}.dead")
    connection.close()
    assert eventually(lambda: len(dead_letters.dead_letters(instance)) == 2)

    letters = dead_letters.dead_letters(instance)

    assert [letter["event"] for letter in letters] == ["not json", [1]]
    assert len({letter["id"] for letter in letters}) == 2  # so that each can be shown and replayed


def test_replayed_event_is_queued_once_without_attempts(instance: Any, service: str) -> None:
    publish_dead_letter(service, "e1")
    publish_dead_letter(service, "e2")

    assert dead_letters.replay(instance, service, "e2") == 1

    assert [letter["id"] for letter in dead_letters.dead_letters(instance)] == ["e1"]
    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    channel = connection.channel()
    message = channel.basic_get(f"evt-{service}", no_ack=True)
    assert orjson.loads(message.body)["id"] == "e2"
    assert message.headers["x-handler"] == "on_order"
    assert "x-attempt" not in message.headers
    assert channel.basic_get(f"evt-{service}", no_ack=True) is None
    connection.close()


def test_letter_of_a_stream_returns_to_its_queue(instance: Any, service: str) -> None:
    publish_dead_letter(service, "e1", **{"x-queue": f"evt-{service}.stream"})

    assert dead_letters.replay(instance, service) == 1

    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    returned = connection.channel().basic_get(f"evt-{service}.stream", no_ack=True)
    connection.close()
    assert orjson.loads(returned.body)["id"] == "e1"
