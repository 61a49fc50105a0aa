"""Counts of RabbitMQ's messages by exchange, routing key and queue, from its firehose tracer.

https://www.rabbitmq.com/docs/firehose: while it is on, the broker copies every message that it takes or hands out to an
exchange. That doubles the broker's work, so it is on only while nothing else is measured.
"""

import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from services.chassis.messaging.transport import connect
from ultramarket.instance import Instance
from ultramarket.servers.rabbitmq import SCRIPT, RabbitMQ
from ultramarket.servers.rabbitmq_accounts import VHOST

EXCHANGE: Final = "amq.rabbitmq.trace"
UNIQUE: Final = re.compile(r"[-.]?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}.*|(?<=amq\.gen-).+")
"""The part of a queue's name that is another one for each process."""


class Traffic:
    """Messages that were published, by publisher, exchange and routing key; and delivered, by queue."""

    def __init__(self) -> None:
        self.published: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()

    def count(self, message: Any) -> None:
        """Count one message of the tracer."""
        event, _, name = message.delivery_info["routing_key"].partition(".")
        headers = message.headers
        if event == "publish":
            user = headers.get("user", "?").removeprefix("ultramarket_")
            key = UNIQUE.sub("…", ",".join(headers["routing_keys"]))
            self.published[f"{user}: {name or 'default exchange'} → {key}"] += 1
        else:
            self.delivered[UNIQUE.sub("…", name)] += 1


@contextmanager
def tracing(instance: Instance) -> Iterator[Traffic]:
    """The traffic of the time in between."""
    traffic, stop = Traffic(), threading.Event()
    connection = connect(instance.url("rabbitmq"))
    channel = connection.channel()
    queue = channel.queue_declare(exclusive=True).queue
    channel.queue_bind(queue, EXCHANGE, "#")
    channel.basic_consume(queue, no_ack=True, callback=traffic.count)

    def drain() -> None:
        while not stop.is_set():
            try:
                connection.drain_events(timeout=0.3)
            except TimeoutError:
                continue

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    _control(instance, "trace_on")
    try:
        yield traffic
    finally:
        _control(instance, "trace_off")
        stop.set()
        thread.join()
        connection.close()


def _control(instance: Instance, command: str) -> None:
    environment = os.environ | RabbitMQ().environment(instance)
    program = [str(SCRIPT.with_name("rabbitmqctl")), "--quiet", command, "--vhost", VHOST]
    subprocess.run(program, env=environment, check=True, capture_output=True, cwd="/", timeout=60)
