"""Publisher of RPC messages: what was published before it is closed arrives."""

import os

import pytest

from services.chassis.common.ids import new_id
from services.chassis.messaging import transport
from tests.support.proxy import proxy_to
from tests.support.rabbit import rabbit

ROUNDS, MESSAGES = 50, 20


def test_closing_loses_no_published_message() -> None:
    queue = f"test-{new_id()}"
    with rabbit() as broker:
        broker.channel.queue_declare(queue, exclusive=True)

        for _ in range(ROUNDS):  # of those that were cut off, one in five had lost some
            publisher = transport.Publisher(os.environ["ULTRAMARKET_AMQP_URL"])
            for _ in range(MESSAGES):
                publisher.publish(b"reply", exchange="", routing_key=queue)
            publisher.close()

        assert broker.depth(queue) == ROUNDS * MESSAGES


def test_closing_at_silent_broker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CLOSE_SECONDS", 0.2)
    with proxy_to(os.environ["ULTRAMARKET_AMQP_URL"]) as proxy:
        monkeypatch.setattr(transport, "REPLY_SECONDS", 3600)  # this test would not end
        publisher = transport.Publisher(proxy.url)
        publisher.publish(b"reply", exchange="", routing_key="nobody")
        connection = publisher._connection
        assert connection is not None
        proxy.silence()

        publisher.close()

        assert not connection.connected
