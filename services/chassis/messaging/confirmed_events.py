"""Publishes events from within a handler, confirmed by the broker before the handler's message is acknowledged.

For replies to events by services without an outbox, and for bodies that must not be stored on the way. A handler that
fails after publishing publishes again when it is retried: consumers must be idempotent.
"""

from typing import Any

from nameko.amqp.publish import get_producer
from nameko.extensions import DependencyProvider

from schemas.events.base import Event
from services.chassis.messaging.envelopes import envelope
from services.chassis.messaging.queues import event_exchange

CONFIRM_SECONDS = 5


class Publisher:
    """Publishes one event at a time. Raises when no queue takes it or the broker can't be reached."""

    def __init__(self, config: Any) -> None:
        self._config = config

    def publish(self, event: Event) -> None:
        wrapped = envelope(event)
        with get_producer(self._config["AMQP_URI"], ssl=self._config.get("AMQP_SSL")) as producer:
            producer.publish(
                wrapped,
                exchange=event_exchange(event.source),
                declare=[event_exchange(event.source)],
                routing_key=event.type,
                mandatory=True,
                delivery_mode=2,
                confirm_timeout=CONFIRM_SECONDS,
                retry=True,
                retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
            )


class ConfirmedEvents(DependencyProvider):
    """Gives each worker a `Publisher`."""

    def get_dependency(self, worker_ctx: Any) -> Publisher:
        return Publisher(self.container.config)
