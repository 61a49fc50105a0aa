"""A bridge with a queue of its own between the instance's RabbitMQ and Kafka, beside the instance's bridge."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from confluent_kafka import KafkaException

from kafka_bridge.bridge import Bridge
from kafka_bridge.settings import BridgeSettings
from services.chassis.common.ids import new_id
from services.chassis.runtime.registry import port_of
from tests.support.rabbit import Rabbit, rabbit
from tests.support.records import Topic
from tests.support.shop import eventually

FREE_PORT_BASE = 21_700


def event(subject: str, number: int = 0, source: str = "orders", **changes: Any) -> dict[str, Any]:
    """The envelope of an event of an aggregate."""
    return {
        "specversion": "1.0",
        "id": new_id(),
        "source": f"/{source}",
        "type": "order_tested",
        "subject": subject,
        "time": datetime.now(UTC).isoformat(),
        "sequence": number,
        "data": {},
    } | changes


class BridgeRunner:
    """A bridge under test: in a thread, or in a process that can be killed."""

    def __init__(self, broker: Rabbit) -> None:
        self.name = f"bridge-{new_id()}"
        self.queue, self.dead_letter_queue = f"evt-{self.name}", f"evt-{self.name}.dead"
        self.rabbit = broker
        self.processes: list[subprocess.Popen[bytes]] = []
        self.bridges: list[Bridge] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def settings(self, **values: Any) -> BridgeSettings:
        return BridgeSettings(bridge_name=self.name, **values)

    def run(self, **values: Any) -> Bridge:
        """Run a bridge in a thread, restarted when it gives up, as supervisord does with the process."""
        settings = self.settings(**values)
        self.bridges.append(Bridge(settings))

        def keep_alive() -> None:
            while not self._closing.is_set():
                try:
                    self.bridges[-1].run()
                    return
                except KafkaException:
                    self.bridges.append(Bridge(settings))

        thread = threading.Thread(target=keep_alive)
        thread.start()
        self._threads.append(thread)
        assert eventually(self.is_reading)
        return self.bridges[-1]

    def is_reading(self) -> bool:
        return bool(self.bridges) and self.bridges[-1].states["rabbitmq"] == "up"

    def start(self, port_base: int = FREE_PORT_BASE, **environment: str) -> "subprocess.Popen[bytes]":
        """Run a bridge in a process; returns when it is ready."""
        process = self.start_without_waiting(port_base, **environment)
        assert eventually(lambda: self.health(port_base).get("status") == "ready")
        return process

    def start_without_waiting(self, port_base: int = FREE_PORT_BASE, **environment: str) -> "subprocess.Popen[bytes]":
        environment = {"ULTRAMARKET_BRIDGE_NAME": self.name, "ULTRAMARKET_PORT_BASE": str(port_base), **environment}
        process = subprocess.Popen([sys.executable, "-m", "kafka_bridge"], env=os.environ | environment)
        self.processes.append(process)
        return process

    def health(self, port_base: int = FREE_PORT_BASE) -> dict[str, Any]:
        try:
            return dict(
                requests.get(f"http://127.0.0.1:{port_of('bridge', port_base)}/health/ready", timeout=60).json()
            )
        except requests.ConnectionError:
            return {}

    def send(self, *events: dict[str, Any] | bytes) -> None:
        for body in events:
            self.rabbit.publish(body, self.queue)

    def queue_depth(self) -> int:
        return self.rabbit.depth(self.queue)

    def close(self) -> None:
        self._closing.set()
        for bridge in self.bridges:
            bridge.stopping.set()
        for thread in self._threads:
            thread.join(20)
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        for queue in (self.queue, self.dead_letter_queue):
            self.rabbit.channel.queue_delete(queue)


@pytest.fixture
def bridge_runner() -> Iterator[BridgeRunner]:
    with rabbit() as broker:
        bridge_runner = BridgeRunner(broker)
        yield bridge_runner
        bridge_runner.close()


@pytest.fixture
def open_topic() -> Iterator[Callable[[str], Topic]]:
    """A function that opens a topic, to be read from its current end."""
    topics: list[Topic] = []

    def open_(name: str) -> Topic:
        topics.append(Topic(name))
        return topics[-1]

    yield open_
    for topic in topics:
        topic.close()
