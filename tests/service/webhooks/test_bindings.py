"""Which events reach the queue of webhooks, on a real RabbitMQ."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from kombu import Connection

from schemas.events.public import PUBLIC
from services.chassis.common.ids import new_id
from services.chassis.messaging.queues import event_exchange
from services.chassis.runtime.settings import Settings, load
from services.webhooks.bindings import Bindings
from tests.service.webhooks.conftest import Webhooks

URL = "https://hooks.example.com/"


@pytest.fixture
def broker() -> Iterator[Connection]:
    with Connection(load(Settings).amqp_url, transport_options={"confirm_publish": True}) as connection:
        yield connection


@pytest.fixture
def bindings(broker: Connection) -> Iterator[Bindings]:
    bindings = Bindings(f"webhooks-{new_id()}", load(Settings).amqp_url, None)
    yield bindings
    bindings.queue.bind(broker.default_channel).delete()


def arrived(broker: Connection, bindings: Bindings, *types: str) -> set[str]:
    """Publish an event of each type; the types that came to the queue."""
    with broker.Producer() as producer:
        for name in types:
            exchange = event_exchange(PUBLIC[name].event.source)
            producer.publish({"type": name}, exchange=exchange, routing_key=name, declare=[exchange])
        producer.publish({"type": "last"}, exchange="", routing_key=bindings.queue.name)
    names: list[str] = []
    with broker.Consumer(
        bindings.queue.bind(broker.default_channel), callbacks=[lambda body, _: names.append(body["type"])], no_ack=True
    ):
        while "last" not in names:
            broker.drain_events(timeout=10)
    return {*names} - {"last"}


def test_only_subscribed_types_reach_the_queue(webhooks: Webhooks, bindings: Bindings, broker: Connection) -> None:
    subscription = webhooks.subscribe(URL, "order_placed")

    bindings.follow(webhooks.store)
    assert arrived(broker, bindings, "order_placed", "order_confirmed") == {"order_placed"}

    webhooks.store.subscriptions.delete(subscription["id"], None)
    bindings.follow(webhooks.store)
    assert arrived(broker, bindings, "order_placed") == set()


def test_no_process_unbinds_what_another_one_binds(
    webhooks: Webhooks, bindings: Bindings, broker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked_types = webhooks.store.subscriptions.locked_types

    def subscribe() -> None:
        webhooks.subscribe(URL, "order_placed")
        bindings.follow(webhooks.store)

    other = Thread(target=subscribe)

    @contextmanager
    def with_another_process_after_reading() -> Iterator[set[str]]:
        monkeypatch.setattr(webhooks.store.subscriptions, "locked_types", locked_types)
        with locked_types() as types:
            other.start()
            other.join(1)
            yield types

    monkeypatch.setattr(webhooks.store.subscriptions, "locked_types", with_another_process_after_reading)
    bindings.follow(webhooks.store)
    other.join()

    assert arrived(broker, bindings, "order_placed") == {"order_placed"}
