"""Presence of services by the consumer count of their RPC queue."""

import uuid
from collections.abc import Iterator

import amqp
import pytest

from gateway_flask.rpc.presence import Presence, consumers
from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.transport import connect
from services.chassis.runtime.settings import Settings


@pytest.fixture
def connection() -> Iterator[amqp.Connection]:
    connection = connect(Settings().amqp_url)
    yield connection
    connection.close()


def test_service_is_present_once_its_queue_has_a_consumer(connection: amqp.Connection) -> None:
    service = f"test-{uuid.uuid4().hex}"
    presence = Presence(Settings().amqp_url)
    assert consumers(connection, service) is None
    assert not presence.look(service)
    with pytest.raises(ServiceUnavailable):
        presence.check(service)

    channel = connection.channel()
    channel.queue_declare(f"rpc-{service}", auto_delete=True)
    assert consumers(connection, service) == 0
    channel.basic_consume(f"rpc-{service}", callback=print)

    assert consumers(connection, service) == 1
    assert Presence(Settings().amqp_url).look(service)
