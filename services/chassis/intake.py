"""Where a container's messages come in: Nameko's queue consumer without a greenthread more than needed."""

from functools import partial
from typing import Any

from nameko.messaging import QueueConsumer


class Intake(QueueConsumer):
    """Nameko's `QueueConsumer`, with three differences that matter for speed and order.

    A provider with `inline = True` (replies) is called at once and its messages need no acknowledgement; other
    messages go straight to the worker pool while it has room, so that order is kept; only a full pool costs a
    greenthread that waits for room (the hub must not block: heartbeats are sent from here).
    """

    def handle_message(self, provider: Any, body: Any, message: Any) -> None:
        if getattr(provider, "inline", False) or self.container._worker_pool.free() > 0:
            provider.handle_message(body, message)
        else:
            super().handle_message(provider, body, message)

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        for provider in self._providers:
            if hasattr(provider, "declare"):
                provider.declare(channel)
            consumer = consumer_cls(
                queues=[provider.queue],
                callbacks=[partial(self.handle_message, provider)],
                accept=self.accept,
                no_ack=getattr(provider, "inline", False),
            )
            consumer.qos(prefetch_count=getattr(provider, "prefetch", self.prefetch_count))
            self._consumers[provider] = consumer
        return self._consumers.values()
