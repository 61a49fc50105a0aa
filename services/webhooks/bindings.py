"""Bindings of the queue of events: types without an active subscription do not reach it.

At each new connection the consumer binds the queue to all public events, so that none is missed; `follow` then takes
away what nobody has subscribed to. Each event left out saves its delivery to this service.
"""

from typing import Any

from nameko.amqp.publish import get_connection
from nameko.extensions import DependencyProvider

from schemas.events.public import PUBLIC
from services.chassis.messaging.queues import event_exchange
from services.chassis.messaging.streams import stream_queue
from services.webhooks.store import WebhookStore


class Bindings:
    """The bindings of a service's stream of events to the exchanges of public events."""

    def __init__(self, service: str, amqp_uri: str, tls: Any) -> None:
        self.queue, self.amqp_uri, self.tls = stream_queue(service), amqp_uri, tls

    def follow(self, store: WebhookStore) -> None:
        """Bind the queue to the types of active subscriptions and unbind it from the other public ones. Idempotent.

        One process at a time, from reading the types on: none unbinds what another one has just bound.
        """
        with (
            get_connection(self.amqp_uri, self.tls) as connection,
            connection.channel() as channel,
            store.subscriptions.locked_types() as types,
        ):
            queue = self.queue.bind(channel)
            queue.queue_declare()
            exchanges = {public.event.source: event_exchange(public.event.source) for public in PUBLIC.values()}
            for exchange in exchanges.values():
                exchange.bind(channel).declare()
            for name, public in PUBLIC.items():
                change = queue.bind_to if name in types else queue.unbind_from
                change(exchanges[public.event.source], name)


class BindingsProvider(DependencyProvider):
    """Gives each worker the bindings."""

    def setup(self) -> None:
        config = self.container.config
        self.bindings = Bindings(self.container.service_name, config["AMQP_URI"], config.get("AMQP_SSL"))

    def get_dependency(self, worker_ctx: Any) -> Bindings:
        return self.bindings
