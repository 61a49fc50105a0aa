"""Exchanges and queues are declared as stock Nameko declares them, so that both can consume the same events."""

from nameko.events import get_event_exchange
from nameko.rpc import get_rpc_exchange

from services.chassis.messaging import queues
from services.chassis.messaging.transport import RPC_EXCHANGE
from services.chassis.runtime import registry


def test_event_exchange_is_the_one_of_nameko() -> None:
    own, stock = queues.event_exchange("orders"), get_event_exchange("orders", {})

    for attribute in ("name", "type", "durable", "auto_delete"):
        assert getattr(own, attribute) == getattr(stock, attribute)


def test_rpc_exchange_is_the_one_of_nameko() -> None:
    exchange = get_rpc_exchange({})

    assert (exchange.name, exchange.type, exchange.durable) == (RPC_EXCHANGE, "topic", True)


def test_every_service_has_a_port_and_known_stores() -> None:
    assert set(registry.SERVICES) <= set(registry.PORT_OFFSETS)
    assert len(set(registry.PORT_OFFSETS.values())) == len(registry.PORT_OFFSETS)
    assert {*registry.POSTGRES_SERVICES, *registry.MONGO_SERVICES} <= set(registry.SERVICES)
    assert registry.port_of("orders", 3100) == 3104


def test_delay_queue_has_its_delay_as_name_and_ttl() -> None:
    queue = queues.delay_queue(0.25)

    assert (queue.name, queue.queue_arguments["x-message-ttl"]) == ("delay.0.25s", 250)
