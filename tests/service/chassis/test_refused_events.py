"""Events that the broker refuses: the order of each aggregate is kept, and nothing is lost.

A queue with `x-overflow: reject-publish` refuses what exceeds its length, and accepts again as soon as there is room.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from services.chassis.common.ids import new_id
from services.chassis.messaging.queues import bridge_queue
from services.chassis.outbox import bridge_backlog, publisher
from services.chassis.outbox.publisher import ConfirmingPublisher
from tests.service.chassis.conftest import stock_released
from tests.service.chassis.stores import (
    Relays,
    first_occurrences,
    mongo_counter_store,
    mongo_relay,
    postgres_counter_store,
    postgres_relay,
)
from tests.support.rabbit import Rabbit, rabbit
from tests.support.shop import eventually


@pytest.fixture
def broker() -> Iterator[Rabbit]:
    with rabbit() as broker:
        yield broker


class Consumer(threading.Thread):
    """Takes messages off a queue, one at a time, until it is stopped."""

    def __init__(self, queue: str) -> None:
        super().__init__(daemon=True)
        self.queue, self.received, self.stopping = queue, [], threading.Event()
        self.start()

    def run(self) -> None:
        with rabbit() as broker:
            broker.channel.basic_qos(0, 1, False)
            broker.channel.basic_consume(self.queue, callback=self._take)
            while not self.stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    broker.channel.connection.drain_events(timeout=0.1)

    def _take(self, message: Any) -> None:
        self.received.append(orjson.loads(message.body))
        message.channel.basic_ack(message.delivery_tag)

    def numbers(self, subject: str) -> list[int]:
        return [int(event["sequence"]) for event in self.received if event["subject"] == subject]


def test_nack_keeps_the_order_of_each_aggregate(broker: Rabbit, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, queue, subjects = f"test-{new_id()}.events", f"test-{new_id()}", [new_id() for _ in range(4)]
    broker.channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
    arguments = {"x-queue-type": "quorum", "x-max-length": 3, "x-overflow": "reject-publish"}
    broker.channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
    broker.channel.queue_bind(queue, exchange, "#")
    monkeypatch.setattr(publisher, "exchange_of", lambda _envelope: exchange)
    monkeypatch.setattr(ConfirmingPublisher, "_declare", lambda _publisher, _exchange: None)
    events = [stock_released(subject, number) for number in range(100) for subject in subjects]
    rounds, unpublished, consumer = 0, list(events), Consumer(queue)
    sender = ConfirmingPublisher(os.environ["ULTRAMARKET_AMQP_URL"], "test")

    while unpublished:
        confirmed, rounds = sender.publish(unpublished), rounds + 1
        unpublished = [event for event in unpublished if event["id"] not in confirmed]

    assert rounds > 1  # the broker has refused some
    for subject in subjects:
        assert eventually(lambda subject=subject: len(set(consumer.numbers(subject))) == 100)
        assert first_occurrences(consumer.numbers(subject)) == list(range(100))
    consumer.stopping.set()
    consumer.join()
    sender.close()
    broker.channel.queue_delete(queue)
    broker.channel.exchange_delete(exchange)


LIMIT = 5


@pytest.fixture
def exchange(broker: Rabbit, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An exchange with a queue of a service and, as soon as something is published, one of a bridge."""
    name = f"test-{new_id()}"
    exchange = f"{name}.events"
    monkeypatch.setattr(bridge_backlog, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(bridge_backlog, "BRIDGE", name)
    monkeypatch.setattr(publisher, "BRIDGE", name)
    monkeypatch.setattr(publisher, "exchange_of", lambda _envelope: exchange)
    broker.listen(f"{name}-service", exchange)
    yield exchange
    for queue in (f"evt-{name}", f"evt-{name}.dead", f"{name}-service"):
        broker.channel.queue_delete(queue)
    broker.channel.exchange_delete(exchange)


@pytest.fixture(params=["postgres", "mongo, hot", "mongo, beside"])
def outbox(request: pytest.FixtureRequest, exchange: str) -> Iterator[Any]:
    """The steps of a store, its relays with a low limit for the bridge's queue, and its number of kept events."""
    if request.param == "postgres":
        with postgres_counter_store() as (store, schema):

            def kept() -> int:
                with store.reading() as connection:
                    return int(connection.execute(text("select count(*) from outbox_for_bridge")).scalar_one())

            relays = Relays(lambda: postgres_relay(schema, bridge_limit=LIMIT))
            yield store.step, store, relays, kept
            relays.stop()
    else:
        with mongo_counter_store() as (store, database):
            step = store.step if "hot" in request.param else store.step_with_outbox_collection
            relays = Relays(lambda: mongo_relay(database, bridge_limit=LIMIT))
            yield step, store, relays, lambda: int(store.db["outbox_for_bridge"].count_documents({}))
            relays.stop()


def test_full_bridge_queue_delays_the_bridge_only(outbox: Any, exchange: str, broker: Rabbit) -> None:
    step, store, relays, kept = outbox
    name, subject = exchange.removesuffix(".events"), new_id()
    bridge = bridge_queue(name).name
    service = Consumer(f"{name}-service")
    relays.start()

    for number in range(1, 31):  # the bridge does not consume
        step(subject)
        assert eventually(lambda number=number: number in service.numbers(subject))

    assert service.numbers(subject) == list(range(1, 31))
    assert eventually(lambda: store.unpublished_count() == 0)
    in_queue = broker.depth(bridge)
    assert LIMIT <= in_queue < 30
    assert kept() == 30 - in_queue

    relays.stop()
    relays.start()  # another process takes over, and goes on
    step(subject)
    assert eventually(lambda: service.numbers(subject)[-1] == 31)
    forwarded = Consumer(bridge)
    assert eventually(lambda: len(forwarded.numbers(subject)) >= 31)
    assert eventually(lambda: kept() == 0)

    step(subject)
    assert eventually(lambda: forwarded.numbers(subject)[-1:] == [32])
    assert kept() == 0
    relays.stop()
    assert first_occurrences(forwarded.numbers(subject)) == list(range(1, 33))
    for consumer in (service, forwarded):
        consumer.stopping.set()
        consumer.join()
