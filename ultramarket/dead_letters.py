"""Dead letters: events whose handling failed for good. List them, and put them back on their service's queue."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import amqp
import orjson

from services.chassis.messaging.queues import QUEUE_HEADER, dead_queue, event_queue
from services.chassis.messaging.transport import connect
from services.chassis.runtime.registry import BRIDGE, SERVICES
from ultramarket.instance import Instance


def consumers() -> tuple[str, ...]:
    """Everything that consumes events and so may have dead letters."""
    return (*SERVICES, BRIDGE)


def dead_letters(instance: Instance) -> list[dict[str, Any]]:
    """Every dead letter: its service, the event, the error, and how often it was tried."""
    with _channel(instance) as channel:
        return [_described(service, message) for service in consumers() for message in _messages(channel, service)]


def replay(instance: Instance, service: str | None = None, event_id: str | None = None) -> int:
    """Put dead letters back (all, those of one service, or one event); how many.

    Each leaves the dead-letter queue only after the broker has confirmed it on its own queue.
    """
    replayed = 0
    with _channel(instance) as channel:
        channel.confirm_select()
        for name in [service] if service else consumers():
            for message in list(_messages(channel, name)):
                if event_id and _described(name, message)["id"] != event_id:
                    continue
                headers = dict(message.headers or {})
                handler = {"x-handler": headers["x-handler"]} if "x-handler" in headers else {}
                copy = amqp.Message(message.body, **{**message.properties, "application_headers": handler})
                queue = headers.get(QUEUE_HEADER) or event_queue(name).name
                channel.basic_publish_confirm(copy, exchange="", routing_key=queue, mandatory=True)
                channel.basic_ack(message.delivery_tag)
                replayed += 1
    return replayed


@contextmanager
def _channel(instance: Instance) -> Iterator[amqp.Channel]:
    """A channel; messages that were read and not acknowledged return to their queue when it closes."""
    connection = connect(instance.url("rabbitmq"))
    try:
        yield connection.channel()
    finally:
        connection.close()


def _messages(channel: amqp.Channel, service: str) -> Iterator[amqp.Message]:
    try:
        channel.queue_declare(dead_queue(service).name, passive=True)
    except amqp.NotFound:  # the service consumes no events, or never ran; the broker has closed the channel
        channel.open()
        return
    while (message := channel.basic_get(dead_queue(service).name)) is not None:
        yield message


def _decoded(body: bytes | str) -> Any:
    """The JSON of a message; its text where it is not JSON, which may be the error itself."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body if isinstance(body, str) else body.decode(errors="replace")


def _described(service: str, message: amqp.Message) -> dict[str, Any]:
    """A dead letter as `dlq list` shows it. A message that is no event of ours gets an id from its bytes."""
    raw = message.body if isinstance(message.body, bytes) else message.body.encode()
    event = _decoded(message.body)
    body = event if isinstance(event, dict) else {}
    headers = message.headers or {}
    return {
        "service": service,
        "id": body.get("id") or hashlib.sha256(raw).hexdigest()[:16],
        "type": body.get("type"),
        "subject": body.get("subject"),
        "time": body.get("time"),
        "attempts": headers.get("x-attempt"),
        "handler": headers.get("x-handler"),
        "error": headers.get("x-error") or f"refused: see the log of {service}",
        "died_at": headers.get("x-died-at"),
        "event": event,
    }
