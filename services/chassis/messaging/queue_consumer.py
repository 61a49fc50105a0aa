"""Nameko's queue consumer with fewer greenthreads, ordered dispatch, and safe acknowledgement on lost connections."""

import contextlib
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from amqp.exceptions import RecoverableConnectionError
from nameko.messaging import QueueConsumer

from services.chassis.messaging.transport import BROKER_ERRORS, read_ahead


class OrderedQueueConsumer(QueueConsumer):
    """Nameko's `QueueConsumer`, with three differences that matter for speed and order.

    A provider with `inline = True` (replies) is called at once and its messages need no acknowledgement; one that
    `keeps_order` is called at once as well. Other messages go straight to the worker pool while it has room, so that
    order is kept; only a full pool costs a greenthread that waits for room (the hub must not block: heartbeats are
    sent from here).
    """

    connected = False
    """Whether the consumer is connected."""
    _unsettled: tuple[Any, set[int]] = (None, set())
    """The channel, and the delivery tags of its messages that are neither acknowledged nor requeued."""

    def handle_message(self, provider: Any, body: Any, message: Any) -> None:
        if not getattr(provider, "inline", False):
            message.received_at = time.monotonic()
            self._taken(message)
        takes_at_once = getattr(provider, "inline", False) or getattr(provider, "keeps_order", False)
        if takes_at_once or self.container._worker_pool.free() > 0:
            provider.handle_message(body, message)
        else:
            waiting = partial(self._handle_when_free, provider, body, message)
            self.container.spawn_managed_thread(waiting, identifier="waits-for-a-worker")

    def _handle_when_free(self, provider: Any, body: Any, message: Any) -> None:
        """Wait for a free worker, then handle the message: its deadline may have passed."""
        with self.container._worker_pool.sem:
            pass
        provider.handle_message(body, message)

    def ack_message(self, message: Any) -> None:
        """Acknowledge a message; on a lost connection, where Nameko's own would fail, the broker has requeued it."""
        self._settled(message)
        with contextlib.suppress(*BROKER_ERRORS):
            super().ack_message(message)

    def ack_messages(self, messages: Sequence[Any]) -> None:
        """Acknowledge many: together up to the first one that another worker still handles, the others singly."""
        for message in messages:
            self._settled(message)
        channel, others = self._unsettled
        below = min(others, default=float("inf"))
        together = {m.delivery_tag for m in messages if m.channel is channel and m.delivery_tag < below}
        if together and channel.connection:
            with contextlib.suppress(*BROKER_ERRORS):
                channel.basic_ack(max(together), multiple=True)
        for message in messages:
            if message.channel is not channel or message.delivery_tag not in together:
                self.ack_message(message)

    def requeue_message(self, message: Any) -> None:
        self._settled(message)
        with contextlib.suppress(*BROKER_ERRORS):
            super().requeue_message(message)

    def on_consume_ready(self, connection: Any, channel: Any, consumers: Any, **kwargs: Any) -> None:
        self.connected, self._channel = True, channel
        read_ahead(channel.connection)
        super().on_consume_ready(connection, channel, consumers, **kwargs)

    def on_iteration(self) -> None:
        """When an acknowledgement was what met the lost connection, kombu would silently make a new one, on which
        nobody consumes; here it begins anew with all consumers.
        """
        lost = self._channel.connection is None or not self._channel.connection.connected
        if lost and not self.should_stop:
            raise RecoverableConnectionError("the connection was lost")
        super().on_iteration()

    def consume(self, *args: Any, **kwargs: Any) -> Any:
        try:
            yield from super().consume(*args, **kwargs)
        finally:
            self.connected = False

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """Consumers by provider. Replies come first: the first request may call other services, and be answered,
        while the others are being set up; a reply that finds no queue is lost.
        """
        for provider in sorted(self._providers, key=lambda each: not getattr(each, "inline", False)):
            if hasattr(provider, "declare"):
                provider.declare(channel)
            consumer = consumer_cls(
                queues=[provider.queue],
                callbacks=[partial(self.handle_message, provider)],
                accept=self.accept,
                no_ack=getattr(provider, "inline", False),
                on_decode_error=partial(self._undecodable, provider),
            )
            consumer.qos(prefetch_count=getattr(provider, "prefetch", self.prefetch_count))
            consumer.consume()  # at once: the broker gives a consumer the limit that its channel has at that moment
            self._consumers[provider] = consumer
        return self._consumers.values()

    def _undecodable(self, provider: Any, message: Any, error: Exception) -> None:
        if hasattr(provider, "on_undecodable"):
            self._taken(message)
            provider.on_undecodable(message, error)
        else:
            self.on_decode_error(message, error)

    def _taken(self, message: Any) -> None:
        if self._unsettled[0] is not message.channel:
            self._unsettled = (message.channel, set())
        self._unsettled[1].add(message.delivery_tag)

    def _settled(self, message: Any) -> None:
        if self._unsettled[0] is message.channel:
            self._unsettled[1].discard(message.delivery_tag)
