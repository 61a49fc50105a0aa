"""A raw AMQP round trip by py-amqp: a transient message into a queue, and back to its publisher."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import amqp

from bench import load
from bench.floors.base import CpuMeter, FloorReading, reading
from services.chassis.messaging.transport import connect

BODY = b"x" * 300
"""About the size of the bench's RPC messages."""
TRANSIENT = 1
MOST_CLIENTS = 16


class AmqpRoundTrip:
    name = "amqp round trip"
    needs_clients = True

    def __init__(self, url: str, broker_pid: int) -> None:
        self._url, self._broker_pid = url, broker_pid
        self._connections: list[amqp.Connection] = []

    @contextmanager
    def open(self) -> Iterator[None]:
        self._connections = [connect(self._url) for _ in range(MOST_CLIENTS)]
        self._works = [_work(connection) for connection in self._connections]
        try:
            yield
        finally:
            for connection in self._connections:
                connection.close()

    def measure(self, clients: int, seconds: float) -> FloorReading:
        meter = CpuMeter(self._broker_pid)
        result = load.run(lambda number: self._works[number], clients, seconds)
        return reading(result, meter.seconds())


def _work(connection: amqp.Connection) -> load.Work:
    channel = connection.channel()
    queue = channel.queue_declare(exclusive=True).queue
    arrived: list[Any] = []
    channel.basic_consume(queue, no_ack=True, callback=arrived.append)

    def work() -> None:
        channel.basic_publish(amqp.Message(BODY, delivery_mode=TRANSIENT), routing_key=queue)
        while not arrived:
            connection.drain_events(timeout=10)
        arrived.clear()

    return work
