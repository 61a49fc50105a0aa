"""Forwarding from RabbitMQ to Kafka on the real servers: order, dead letters, crashes, lost connections."""

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
from services.chassis.common.kafka_options import kafka_options
from services.chassis.runtime.registry import port_of
from tests.service.bridge.conftest import FREE_PORT_BASE, BridgeRunner, event
from tests.support.proxy import proxy_to
from tests.support.records import Topic, first_occurrences
from tests.support.shop import PATIENCE, eventually

OpenTopic = Callable[[str], Topic]


def numbers(topic: Topic, subject: str, count: int, seconds: float = PATIENCE) -> list[int]:
    """The sequence numbers of an aggregate's events without redeliveries, once there are `count`."""
    matching: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda events: [  # noqa: E731
        event for event in first_occurrences(events) if event["subject"] == subject
    ]
    topic.read_until(lambda events: len(matching(events)) >= count, seconds)
    return [event["sequence"] for event in matching(topic.events)]


def test_record_is_the_event_keyed_by_aggregate(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    subject = new_id()
    bridge_runner.run()
    raw = orjson.dumps(event(subject, source="payments")).replace(b'"data":', b'"odd" :  "\xc3\xa9",\n "data":')
    consumer = Consumer({"bootstrap.servers": bridge_runner.settings().kafka_bootstrap, "group.id": new_id(),
                         "auto.offset.reset": "earliest"})  # fmt: skip
    consumer.subscribe(["payment-events"])

    bridge_runner.send(raw)

    record = eventually(
        lambda: next((r for r in consumer.consume(500, 0.2) if not r.error() and r.key() == subject.encode()), None), 30
    )
    consumer.close()
    assert record.value() == raw
    assert record.headers() == [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_every_source_reaches_its_topic(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    subject = new_id()
    topics_of = {name: open_topic(name) for name in ("order-events", "notification-events", "analytics-events")}
    bridge_runner.run()

    for source in ("orders", "notifications", "inventory"):
        bridge_runner.rabbit.publish(event(subject, source=source), "order_tested", f"{source}.events")

    for source, topic in zip(("orders", "notifications", "inventory"), topics_of.values(), strict=True):
        assert topic.of(subject, "order_tested")[0]["source"] == f"/{source}"


def test_unknown_type_and_version_are_forwarded_unchanged(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subject = open_topic("order-events"), new_id()
    newer = event(subject, 1, dataschema="/schemas/events/orders/order_tested/v99", added={"of": "a later release"})
    unknown = event(subject, 2, type="order_of_a_later_release")
    bridge_runner.run()

    bridge_runner.send(newer, unknown, newer, event(subject, 3))

    assert numbers(topic, subject, 3) == [1, 2, 3]
    assert [each for each in first_occurrences(topic.events) if each["subject"] == subject][:2] == [newer, unknown]
    assert bridge_runner.rabbit.take(bridge_runner.dead_letter_queue) is None


def test_events_of_an_aggregate_stay_in_order(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subjects = open_topic("order-events"), [new_id() for _ in range(5)]
    bridge_runner.run()

    bridge_runner.send(*(event(subject, number) for number in range(60) for subject in subjects))

    for subject in subjects:
        assert numbers(topic, subject, 60) == list(range(60))
    assert eventually(lambda: bridge_runner.queue_depth() == 0)


@pytest.mark.parametrize(
    "invalid",
    [b"not json", b'{"source": "/orders"}', orjson.dumps(event("big", data={"text": "x" * 1_500_000}))],
    ids=["not-json", "no-event", "too-large-for-kafka"],
)
def test_invalid_event_is_dead_lettered(bridge_runner: BridgeRunner, open_topic: OpenTopic, invalid: bytes) -> None:
    topic, subject = open_topic("order-events"), new_id()
    bridge_runner.run()

    bridge_runner.send(event(subject, 1), invalid, event(subject, 2))

    assert numbers(topic, subject, 2) == [1, 2]
    assert bridge_runner.rabbit.wait_for(bridge_runner.dead_letter_queue).body in (invalid, invalid.decode())
    assert bridge_runner.rabbit.take(bridge_runner.dead_letter_queue) is None


def test_deleted_topic_is_recreated(
    bridge_runner: BridgeRunner, open_topic: OpenTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newly installed Kafka has no topics; events sent meanwhile must not become dead letters."""
    name, subject = f"test-{new_id()}", new_id()
    monkeypatch.setitem(TOPICS, "orders", name)
    monkeypatch.setattr(topics, "ALL_TOPICS", (name,))
    admin = AdminClient(kafka_options(bridge_runner.settings()))
    bridge_runner.run(topic_partitions=1)
    bridge_runner.send(event(subject, 1))
    assert numbers(open_topic(name), subject, 0) == []
    assert eventually(lambda: bridge_runner.queue_depth() == 0)
    admin.delete_topics([name])[name].result()
    assert eventually(lambda: name not in admin.list_topics(timeout=60).topics)

    bridge_runner.send(event(subject, 2))

    assert eventually(lambda: name in admin.list_topics(timeout=60).topics)
    again = Topic(name, from_start=True)
    assert numbers(again, subject, 1) == [2]
    again.close()
    assert bridge_runner.rabbit.take(bridge_runner.dead_letter_queue) is None
    admin.delete_topics([name])[name].result()


def test_lost_rabbitmq_connection_loses_nothing(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subject = open_topic("order-events"), new_id()
    with proxy_to(bridge_runner.settings().amqp_url) as proxy:
        bridge_runner.run(amqp_url=proxy.url, in_flight=20)
        for batch in range(5):
            bridge_runner.send(*(event(subject, batch * 40 + number) for number in range(40)))
            proxy.drop()

        assert numbers(topic, subject, 200) == list(range(200))
        assert eventually(lambda: bridge_runner.queue_depth() == 0)


def test_killed_bridge_loses_nothing(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subject = open_topic("order-events"), new_id()
    killed = bridge_runner.start(ULTRAMARKET_IN_FLIGHT="50")
    bridge_runner.send(*(event(subject, number) for number in range(600)))
    topic.read_until(lambda events: len(events) > 100)

    killed.send_signal(signal.SIGKILL)
    killed.wait()
    bridge_runner.send(*(event(subject, number) for number in range(600, 650)))
    bridge_runner.start()

    assert numbers(topic, subject, 650) == list(range(650))
    assert eventually(lambda: bridge_runner.queue_depth() == 0)


def test_second_bridge_is_standby(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subject = open_topic("order-events"), new_id()
    first = bridge_runner.start()
    bridge_runner.start(FREE_PORT_BASE + 20)
    bridge_runner.send(event(subject, 1))
    assert numbers(topic, subject, 1) == [1]
    records = "ultramarket_bridge_records_total{topic="
    assert records not in _metrics(FREE_PORT_BASE + 20)

    first.send_signal(signal.SIGTERM)

    assert first.wait(60) == 0
    bridge_runner.send(event(subject, 2))
    assert numbers(topic, subject, 2) == [1, 2]
    assert records in _metrics(FREE_PORT_BASE + 20)


def test_kafka_is_waited_for_at_start(bridge_runner: BridgeRunner, open_topic: OpenTopic) -> None:
    topic, subject = open_topic("order-events"), new_id()
    with proxy_to(bridge_runner.settings().kafka_url) as proxy:
        proxy.cut()
        process = bridge_runner.start_without_waiting(ULTRAMARKET_KAFKA_URL=proxy.url)
        assert eventually(lambda: bridge_runner.health().get("dependencies", {}).get("kafka") == "down")
        proxy.restore()

        assert eventually(lambda: bridge_runner.health().get("status") == "ready")
        bridge_runner.send(event(subject, 1))

        assert numbers(topic, subject, 1) == [1]
        assert process.poll() is None


def test_health_reports_both_servers(bridge_runner: BridgeRunner) -> None:
    """The health is updated even when no event arrives."""
    with proxy_to(bridge_runner.settings().amqp_url) as proxy:
        bridge = bridge_runner.run(amqp_url=proxy.url)
        up = bridge.health()
        proxy.cut()

        assert up == {"rabbitmq": "up", "kafka": "up"}
        assert eventually(lambda: bridge.health() == {"rabbitmq": "down", "kafka": "up"})
        proxy.restore()
        assert eventually(lambda: bridge.health() == up)


def _metrics(port_base: int) -> str:
    return requests.get(f"http://127.0.0.1:{port_of('bridge', port_base)}/metrics", timeout=60).text
