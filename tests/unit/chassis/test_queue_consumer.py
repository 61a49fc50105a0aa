"""Many messages are acknowledged at once, but never one that somebody else still works on."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis.messaging.queue_consumer import OrderedQueueConsumer


class Channel:
    """What a message's channel does with acknowledgements."""

    def __init__(self) -> None:
        self.connection = True
        self.acks: list[tuple[int, bool]] = []

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.acks.append((tag, multiple))

    def message(self, tag: int) -> Any:
        return SimpleNamespace(channel=self, delivery_tag=tag, ack=lambda: self.basic_ack(tag))


@pytest.fixture
def intake() -> OrderedQueueConsumer:
    made = OrderedQueueConsumer()
    made.container = SimpleNamespace(_worker_pool=SimpleNamespace(free=lambda: 1))
    return made


def _take(intake: OrderedQueueConsumer, channel: Channel, *tags: int) -> dict[int, Any]:
    messages = {tag: channel.message(tag) for tag in tags}
    for message in messages.values():
        intake.handle_message(SimpleNamespace(handle_message=lambda *_: None), {}, message)
    return messages


def test_batch_without_earlier_messages_is_acked_once(intake: OrderedQueueConsumer) -> None:
    channel = Channel()
    taken = _take(intake, channel, 1, 2, 3, 4)

    intake.ack_messages([taken[tag] for tag in (1, 2, 3)])
    intake.ack_messages([taken[4]])

    assert channel.acks == [(3, True), (4, True)]


def test_what_is_still_worked_on_is_left_out(intake: OrderedQueueConsumer) -> None:
    channel = Channel()
    taken = _take(intake, channel, 1, 2, 3, 4, 5)

    intake.ack_messages([taken[tag] for tag in (1, 2, 4, 5)])
    assert channel.acks == [(2, True), (4, False), (5, False)]
    intake.ack_message(taken[3])
    assert channel.acks[-1] == (3, False)


def test_a_new_connection_begins_anew(intake: OrderedQueueConsumer) -> None:
    lost, channel = Channel(), Channel()
    before = _take(intake, lost, 1, 2, 7)
    lost.connection = False
    taken = _take(intake, channel, 1, 2)

    intake.ack_messages([before[1], before[7]])
    intake.ack_messages([taken[2]])
    intake.ack_messages([taken[1]])

    assert lost.acks == []
    assert channel.acks == [(2, False), (1, True)]
