"""Behaviour tracking from RPC to Kafka: a real analytics process, broker and topic."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import requests
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from kafka_bridge.settings import BridgeSettings
from kafka_bridge.topics import ensure_topics
from schemas.events.base import OTHER_TOPIC
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.common.ids import new_id
from services.chassis.messaging.rpc_client import RpcClient
from services.chassis.runtime.registry import PORT_OFFSETS
from tests.service.chassis.conftest import free_port
from tests.support.shop import eventually

CALLER = {"user_id": None, "roles": []}


class BehaviourTopic:
    """The records of the topic of behaviour events."""

    def __init__(self) -> None:
        bootstrap = os.environ["ULTRAMARKET_KAFKA_BOOTSTRAP"]
        ensure_topics(BridgeSettings())
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": new_id()})
        numbers = self._consumer.list_topics(OTHER_TOPIC, timeout=10).topics[OTHER_TOPIC].partitions
        self._consumer.assign([TopicPartition(OTHER_TOPIC, number, OFFSET_BEGINNING) for number in numbers])
        self.records: list[Any] = []

    def of_session(self, session_id: str, number: int) -> list[Any]:
        """The records of a session, once there are `number` of them."""

        def has_arrived() -> bool:
            self.records += [m for m in self._consumer.consume(100, 0.2) if m.error() is None]
            return len(self._of(session_id)) >= number

        assert eventually(has_arrived, 30), f"{len(self._of(session_id))} of {number} records"
        return self._of(session_id)

    def _of(self, session_id: str) -> list[Any]:
        return [record for record in self.records if record.key() == session_id.encode()]

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def topic() -> Iterator[BehaviourTopic]:
    topic = BehaviourTopic()
    yield topic
    topic.close()


@pytest.fixture
def client() -> Iterator[RpcClient]:
    client = RpcClient(os.environ["ULTRAMARKET_AMQP_URL"])
    yield client
    client.close()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    port = free_port()
    environment = os.environ | {"ULTRAMARKET_PORT_BASE": str(port - PORT_OFFSETS["analytics"])}
    command = [sys.executable, "-m", "services.chassis.runtime", "analytics"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        assert eventually(lambda: is_ready(port), 60)
        yield process
    finally:
        process.kill()
        process.wait(10)


def is_ready(port: int) -> bool:
    try:
        return bool(requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).json()["status"] == "ready")
    except requests.ConnectionError:
        return False


def page_views(session_id: str, number: int) -> dict[str, Any]:
    event = {"type": "page_view", "at": datetime.now(UTC).isoformat()}
    return {"session_id": session_id, "events": [event] * number}


@pytest.mark.usefixtures("process")
def test_tracked_events_become_kafka_records(client: RpcClient, topic: BehaviourTopic) -> None:
    session_id = new_id()

    tracked = client.call("analytics", "track_events", request=page_views(session_id, 2), caller=CALLER)

    assert tracked == {"accepted": 2, "rejected": []}
    first, _ = topic.of_session(session_id, 2)
    envelope = orjson.loads(first.value())
    assert (envelope["source"], envelope["type"], envelope["subject"]) == ("/behaviour", "page_viewed", session_id)
    assert first.headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


@pytest.mark.usefixtures("process")
def test_cast_events_become_kafka_records(client: RpcClient, topic: BehaviourTopic) -> None:
    session_id = new_id()
    event = {"type": "search_performed", "session_id": session_id, "fields": {"query": "mug", "results": 3}}

    client.cast("analytics", "record_events", events=[event])

    (record,) = topic.of_session(session_id, 1)
    assert orjson.loads(record.value())["data"]["query"] == "mug"


def test_stop_flushes_the_queue(process: subprocess.Popen[bytes], client: RpcClient, topic: BehaviourTopic) -> None:
    session_id = new_id()
    client.call("analytics", "track_events", request=page_views(session_id, 100), caller=CALLER)

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    assert len(topic.of_session(session_id, 100)) == 100


def test_cast_without_broker_raises_service_unavailable() -> None:
    client = RpcClient("amqp://127.0.0.1:9/none")
    try:
        with pytest.raises(ServiceUnavailable):
            client.cast("analytics", "record_events", events=[])
    finally:
        client.close()
