"""From RabbitMQ to Kafka on the real servers: nothing lost, nothing out of order, whatever dies on the way."""

import signal
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import requests
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from kafka_bridge import topics
from schemas.events.base import TOPICS
from services.chassis.common.ids import new_id
from services.chassis.runtime.registry import port_of
from tests.service.bridge.conftest import FREE_PORT_BASE, Bridging, event
from tests.support.proxy import proxy_to
from tests.support.records import Topic, first_occurrences
from tests.support.shop import PATIENCE, eventually

Read = Callable[[str], Topic]


def numbers(topic: Topic, subject: str, count: int, seconds: float = PATIENCE) -> list[int]:
    """The sequence numbers of one aggregate's first occurrences, once there are `count` different ones."""
    mine: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda events: [  # noqa: E731
        found for found in first_occurrences(events) if found["subject"] == subject
    ]
    topic.read_until(lambda events: len(mine(events)) >= count, seconds)
    return [found["sequence"] for found in mine(topic.events)]


def test_record_is_the_event_keyed_by_aggregate(bridging: Bridging, read: Read) -> None:
    subject = new_id()
    bridging.run()
    raw = orjson.dumps(event(subject, source="payments")).replace(b'"data":', b'"odd" :  "\xc3\xa9",\n "data":')
    consumer = Consumer({"bootstrap.servers": bridging.settings().kafka_bootstrap, "group.id": new_id(),
                         "auto.offset.reset": "earliest"})  # fmt: skip
    consumer.subscribe(["payment-events"])

    bridging.send(raw)

    found = eventually(
        lambda: next((r for r in consumer.consume(500, 0.2) if not r.error() and r.key() == subject.encode()), None), 30
    )
    consumer.close()
    assert found.value() == raw
    assert found.headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_every_source_reaches_its_topic(bridging: Bridging, read: Read) -> None:
    subject = new_id()
    topics_of = {name: read(name) for name in ("order-events", "notification-events", "analytics-events")}
    bridging.run()

    for source in ("orders", "notifications", "inventory"):
        bridging.rabbit.publish(event(subject, source=source), "order_tested", f"{source}.events")

    for source, topic in zip(("orders", "notifications", "inventory"), topics_of.values(), strict=True):
        assert topic.of(subject, "order_tested")[0]["source"] == f"/{source}"


def test_events_of_an_aggregate_stay_in_order(bridging: Bridging, read: Read) -> None:
    topic, subjects = read("order-events"), [new_id() for _ in range(5)]
    bridging.run()

    bridging.send(*(event(subject, number) for number in range(60) for subject in subjects))

    for subject in subjects:
        assert numbers(topic, subject, 60) == list(range(60))
    assert eventually(lambda: bridging.waiting() == 0)


@pytest.mark.parametrize(
    "unwritable",
    [b"not json", b'{"source": "/orders"}', orjson.dumps(event("big", data={"text": "x" * 1_500_000}))],
    ids=["not-json", "no-event", "too-large-for-kafka"],
)
def test_invalid_event_is_dead_lettered(bridging: Bridging, read: Read, unwritable: bytes) -> None:
    topic, subject = read("order-events"), new_id()
    bridging.run()

    bridging.send(event(subject, 1), unwritable, event(subject, 2))

    assert numbers(topic, subject, 2) == [1, 2]
    assert bridging.rabbit.wait_for(bridging.rejected).body in (unwritable, unwritable.decode())
    assert bridging.rabbit.take(bridging.rejected) is None


def test_deleted_topic_is_recreated(bridging: Bridging, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Kafka that was set up anew has no topics; what came meanwhile must not end among the dead letters."""
    name, subject = f"test-{new_id()}", new_id()
    monkeypatch.setitem(TOPICS, "orders", name)
    monkeypatch.setattr(topics, "ALL_TOPICS", (name,))
    admin = AdminClient({"bootstrap.servers": bridging.settings().kafka_bootstrap})
    bridging.run(topic_partitions=1)
    bridging.send(event(subject, 1))
    assert numbers(read(name), subject, 0) == []
    assert eventually(lambda: bridging.waiting() == 0)
    admin.delete_topics([name])[name].result()
    assert eventually(lambda: name not in admin.list_topics(timeout=60).topics)

    bridging.send(event(subject, 2))

    assert eventually(lambda: name in admin.list_topics(timeout=60).topics)
    again = Topic(name, from_start=True)
    assert numbers(again, subject, 1) == [2]
    again.close()
    assert bridging.rabbit.take(bridging.rejected) is None
    admin.delete_topics([name])[name].result()


def test_lost_rabbitmq_connection_loses_nothing(bridging: Bridging, read: Read) -> None:
    topic, subject = read("order-events"), new_id()
    with proxy_to(bridging.settings().amqp_url) as proxy:
        bridging.run(amqp_url=proxy.url, in_flight=20)
        for portion in range(5):
            bridging.send(*(event(subject, portion * 40 + number) for number in range(40)))
            proxy.drop()

        assert numbers(topic, subject, 200) == list(range(200))
        assert eventually(lambda: bridging.waiting() == 0)


def test_killed_bridge_loses_nothing(bridging: Bridging, read: Read) -> None:
    topic, subject = read("order-events"), new_id()
    killed = bridging.start(ULTRAMARKET_IN_FLIGHT="50")
    bridging.send(*(event(subject, number) for number in range(600)))
    topic.read_until(lambda events: len(events) > 100)

    killed.send_signal(signal.SIGKILL)
    killed.wait()
    bridging.send(*(event(subject, number) for number in range(600, 650)))
    bridging.start()

    assert numbers(topic, subject, 650) == list(range(650))
    assert eventually(lambda: bridging.waiting() == 0)


def test_second_bridge_is_standby(bridging: Bridging, read: Read) -> None:
    topic, subject = read("order-events"), new_id()
    first = bridging.start()
    bridging.start(FREE_PORT_BASE + 20)
    bridging.send(event(subject, 1))
    assert numbers(topic, subject, 1) == [1]
    records = "ultramarket_bridge_records_total{topic="
    assert records not in _metrics(FREE_PORT_BASE + 20)

    first.send_signal(signal.SIGTERM)

    assert first.wait(60) == 0
    bridging.send(event(subject, 2))
    assert numbers(topic, subject, 2) == [1, 2]
    assert records in _metrics(FREE_PORT_BASE + 20)


def test_kafka_is_waited_for_at_start(bridging: Bridging, read: Read) -> None:
    topic, subject = read("order-events"), new_id()
    with proxy_to("kafka://" + bridging.settings().kafka_bootstrap) as proxy:
        proxy.cut()
        bootstrap = proxy.url.removeprefix("kafka://")
        process = bridging.start_without_waiting(ULTRAMARKET_KAFKA_BOOTSTRAP=bootstrap)
        assert eventually(lambda: bridging.health().get("dependencies", {}).get("kafka") == "down")
        proxy.mend()

        assert eventually(lambda: bridging.health().get("status") == "ready")
        bridging.send(event(subject, 1))

        assert numbers(topic, subject, 1) == [1]
        assert process.poll() is None


def test_health_reports_both_servers(bridging: Bridging) -> None:
    """Also when no event comes by that would show it."""
    with proxy_to(bridging.settings().amqp_url) as proxy:
        bridge = bridging.run(amqp_url=proxy.url)
        up = bridge.health()
        proxy.cut()

        assert up == {"rabbitmq": "up", "kafka": "up"}
        assert eventually(lambda: bridge.health() == {"rabbitmq": "down", "kafka": "up"})
        proxy.mend()
        assert eventually(lambda: bridge.health() == up)


def _metrics(port_base: int) -> str:
    return requests.get(f"http://127.0.0.1:{port_of('bridge', port_base)}/metrics", timeout=60).text
