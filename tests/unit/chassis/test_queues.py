"""What we declare at the broker is what stock Nameko declares, so that both can listen to the same events."""

from nameko.events import get_event_exchange
from nameko.rpc import get_rpc_exchange

from services.chassis.messaging import queues
from services.chassis.messaging.transport import RPC_EXCHANGE
from services.chassis.runtime import registry


def test_the_exchange_of_a_services_events_is_namekos() -> None:
    ours, namekos = queues.event_exchange("orders"), get_event_exchange("orders", {})

    for trait in ("name", "type", "durable", "auto_delete"):
        assert getattr(ours, trait) == getattr(namekos, trait)


def test_the_exchange_of_calls_is_namekos() -> None:
    exchange = get_rpc_exchange({})

    assert (exchange.name, exchange.type, exchange.durable) == (RPC_EXCHANGE, "topic", True)


def test_every_service_has_a_port_and_a_store_of_its_own() -> None:
    assert set(registry.SERVICES) <= set(registry.PORT_OFFSETS)
    assert len(set(registry.PORT_OFFSETS.values())) == len(registry.PORT_OFFSETS)
    assert {*registry.POSTGRES_SERVICES, *registry.MONGO_SERVICES} <= set(registry.SERVICES)
    assert registry.port_of("orders", 3100) == 3104


def test_a_delay_is_named_and_timed_by_its_seconds() -> None:
    queue = queues.delay_queue(0.25)

    assert (queue.name, queue.queue_arguments["x-message-ttl"]) == ("delay.0.25s", 250)
