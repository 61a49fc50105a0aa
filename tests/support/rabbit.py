"""A RabbitMQ client for tests: publish, read a queue, wait for a message."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import amqp
import orjson

from services.chassis.messaging.transport import connect
from tests.support.shop import PATIENCE, eventually


class Rabbit:
    """One channel with publisher confirms."""

    def __init__(self, channel: amqp.Channel) -> None:
        self.channel = channel
        channel.confirm_select()

    def publish(self, body: bytes | dict[str, Any], routing_key: str, exchange: str = "", **properties: Any) -> None:
        """Publish a persistent message; raises when no queue is bound."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        defaults = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2}
        message = amqp.Message(data, **(defaults | properties))
        self.channel.basic_publish_confirm(message, exchange, routing_key, mandatory=True)

    def send(self, body: bytes, routing_key: str, exchange: str, **properties: Any) -> None:
        """Publish as RPC does: without a confirm, whether or not a queue is bound."""
        message = amqp.Message(body, content_type="application/json", content_encoding="utf-8", **properties)
        self.channel.basic_publish(message, exchange, routing_key)

    def take(self, queue: str) -> Any | None:
        """Remove and return the next message of a queue; None when it is empty."""
        return self.channel.basic_get(queue, no_ack=True)

    def wait_for(self, queue: str, seconds: float = PATIENCE) -> Any:
        return eventually(lambda: self.take(queue), seconds)

    def take_all(self, queue: str) -> list[Any]:
        return list(iter(lambda: self.take(queue), None))

    def depth(self, queue: str) -> int:
        return int(self.channel.queue_declare(queue, passive=True).message_count)

    def purge(self, queue: str) -> None:
        self.channel.queue_purge(queue)

    def listen(self, queue: str, exchange: str, routing_key: str = "#") -> None:
        """Declare a durable queue bound to the events of an exchange, as a service has one."""
        self.channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        self.channel.queue_declare(queue, durable=True, auto_delete=False)
        self.channel.queue_bind(queue, exchange, routing_key)


@contextmanager
def rabbit() -> Iterator[Rabbit]:
    connection = connect(os.environ["ULTRAMARKET_AMQP_URL"])
    try:
        yield Rabbit(connection.channel())
    finally:
        connection.close()
