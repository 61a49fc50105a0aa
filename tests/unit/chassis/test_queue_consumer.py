"""The queue consumer: the order of its consumers, and acknowledgements of many messages at once."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis.messaging.queue_consumer import OrderedQueueConsumer


class Channel:
    """A fake AMQP channel that records acknowledgements."""

    def __init__(self) -> None:
        self.connection = True
        self.acks: list[tuple[int, bool]] = []

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.acks.append((tag, multiple))

    def message(self, tag: int) -> Any:
        return SimpleNamespace(channel=self, delivery_tag=tag, ack=lambda: self.basic_ack(tag))


@pytest.fixture
def consumer() -> OrderedQueueConsumer:
    queue_consumer = OrderedQueueConsumer()
    queue_consumer.container = SimpleNamespace(_worker_pool=SimpleNamespace(free=lambda: 1))
    return queue_consumer


def _receive(consumer: OrderedQueueConsumer, channel: Channel, *tags: int) -> dict[int, Any]:
    messages = {tag: channel.message(tag) for tag in tags}
    for message in messages.values():
        consumer.handle_message(SimpleNamespace(handle_message=lambda *_: None), {}, message)
    return messages


def test_batch_without_earlier_messages_is_acked_once(consumer: OrderedQueueConsumer) -> None:
    channel = Channel()
    messages = _receive(consumer, channel, 1, 2, 3, 4)

    consumer.ack_messages([messages[tag] for tag in (1, 2, 3)])
    consumer.ack_messages([messages[4]])

    assert channel.acks == [(3, True), (4, True)]


def test_unprocessed_message_is_not_acked(consumer: OrderedQueueConsumer) -> None:
    channel = Channel()
    messages = _receive(consumer, channel, 1, 2, 3, 4, 5)

    consumer.ack_messages([messages[tag] for tag in (1, 2, 4, 5)])
    assert channel.acks == [(2, True), (4, False), (5, False)]
    consumer.ack_message(messages[3])
    assert channel.acks[-1] == (3, False)


def test_new_connection_starts_with_no_pending_messages(consumer: OrderedQueueConsumer) -> None:
    closed, channel = Channel(), Channel()
    old_messages = _receive(consumer, closed, 1, 2, 7)
    closed.connection = False
    messages = _receive(consumer, channel, 1, 2)

    consumer.ack_messages([old_messages[1], old_messages[7]])
    consumer.ack_messages([messages[2]])
    consumer.ack_messages([messages[1]])

    assert closed.acks == []
    assert channel.acks == [(2, False), (1, True)]


class Provider(SimpleNamespace):
    __hash__ = object.__hash__


def test_replies_are_consumed_before_any_request(consumer: OrderedQueueConsumer) -> None:
    consumer.container.max_workers, consumer.container.accept = 10, ["json"]
    for number in range(20):
        consumer.register_provider(Provider(queue=f"requests-{number}"))
    consumer.register_provider(Provider(queue="replies", inline=True))

    set_up: list[str] = []

    def make_consumer(queues: list[str], **_: Any) -> Any:
        set_up.extend(queues)
        return SimpleNamespace(qos=lambda **_: None, consume=lambda: None)

    consumer.get_consumers(make_consumer, Channel())

    assert set_up[0] == "replies"
    assert len(set_up) == 21
