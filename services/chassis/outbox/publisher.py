"""Publishes events in windows: many messages, then one wait for all publisher confirms."""

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import amqp

from services.chassis.messaging.envelopes import exchange_of
from services.chassis.messaging.queues import bridge_queue, dead_queue, depth, event_queue, make
from services.chassis.messaging.transport import PERSISTENT, connect, dumps, read_ahead
from services.chassis.observability.metrics import EVENTS_PUBLISHED
from services.chassis.runtime.registry import AUDIT, BRIDGE

WINDOW = 200
"""The largest number of events that are sent and not confirmed yet."""
AUDIT_EXCHANGE = f"{AUDIT}.events"
CONFIRM_SECONDS = 10
PACE_SECONDS = 0.025
"""The shortest interval between a relay's rounds: a single event goes at once, events under load together."""


class Pace:
    """Keeps a relay's rounds `PACE_SECONDS` apart, counted from their beginnings."""

    def __init__(self) -> None:
        self._begun = 0.0

    def keep(self) -> None:
        """Begin a round, after what is left of the pause since the last one began."""
        wait = self._begun + PACE_SECONDS - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._begun = time.monotonic()


class ConfirmingPublisher:
    """Publishes envelopes persistent, mandatory and confirmed, on a connection of its own, from one thread.

    Of each aggregate one event at a time is unconfirmed: if the broker refuses it (a nack, or no queue is bound),
    later ones of the same aggregate have not been published before it.
    """

    def __init__(self, url: str, service: str) -> None:
        self._service = service
        self._connection = connect(url)
        read_ahead(self._connection)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)
        self._exchanges: set[str] = set()
        self._sent = 0
        self._open: dict[int, dict[str, Any]] = {}
        self._settled: list[tuple[dict[str, Any], bool]] = []
        self._returned: set[str] = set()
        self.includes_bridge = True
        """Whether the bridge's queue is bound to the exchanges (see `exclude_bridge`)."""

    def publish(self, envelopes: Iterable[dict[str, Any]], queue: str | None = None) -> set[str]:
        """Publish, in order for each aggregate; the ids of those that the broker has taken responsibility for.

        After one that it has not, those of the same aggregate are not sent, and after a nack none are: they stay in
        the outbox. To the exchanges of their sources, or to one `queue`.
        Raises one of `transport.BROKER_ERRORS` when the connection is lost: then nothing is known, and all are sent
        again.
        """
        waiting: dict[tuple[str, str], deque[dict[str, Any]]] = {}
        for wrapped in envelopes:
            waiting.setdefault(_aggregate(wrapped), deque()).append(wrapped)
        ready = deque(waiting)
        confirmed: set[str] = set()
        self._open.clear()
        self._returned.clear()
        while ready or self._open:
            while ready and len(self._open) < WINDOW:
                self._send(waiting[ready.popleft()].popleft(), queue)
            self._connection.drain_events(timeout=CONFIRM_SECONDS)
            settled, self._settled = self._settled, []
            for wrapped, nacked in settled:
                if nacked:
                    ready, waiting = deque(), {}
                elif wrapped["id"] not in self._returned:
                    confirmed.add(wrapped["id"])
                    if waiting.get(aggregate := _aggregate(wrapped)):
                        ready.append(aggregate)
        EVENTS_PUBLISHED.labels(self._service).inc(len(confirmed))
        return confirmed

    def exclude_bridge(self) -> None:
        """Let the events go to all queues but the bridge's: its relay keeps them for later."""
        self.includes_bridge = False
        for exchange in self._exchanges:
            self._bind_bridge(exchange)

    def include_bridge(self) -> None:
        """Let the events go to the bridge's queue too."""
        self.includes_bridge = True
        for exchange in self._exchanges:
            self._bind_bridge(exchange)

    def bridge_depth(self) -> int:
        """The number of events that wait in the bridge's queue."""
        return depth(event_queue(BRIDGE).name, self._channel)

    def close(self) -> None:
        self._connection.collect()

    def _send(self, wrapped: dict[str, Any], queue: str | None) -> None:
        exchange, routing_key = ("", queue) if queue else (exchange_of(wrapped), wrapped["type"])
        if exchange and exchange not in self._exchanges:
            self._declare(exchange)
            self._exchanges.add(exchange)
        headers = {"nameko.request_id": wrapped["requestid"]} if "requestid" in wrapped else {}
        message = amqp.Message(
            dumps(wrapped),
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=PERSISTENT,
            message_id=wrapped["id"],
            application_headers=headers,
        )
        must_be_routed = self.includes_bridge or not goes_to_bridge(wrapped)
        self._channel.basic_publish(message, exchange, routing_key, mandatory=bool(queue) or must_be_routed)
        self._sent += 1
        self._open[self._sent] = wrapped

    def _declare(self, exchange: str) -> None:
        """Declare the exchange, as Nameko's event handlers do, and the queue of the consumer of all events."""
        self._channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        if exchange == AUDIT_EXCHANGE:
            for queue in (dead_queue(AUDIT), event_queue(AUDIT)):
                make(queue, self._channel)
            self._channel.queue_bind(event_queue(AUDIT).name, exchange, "#")
        else:
            for queue in (dead_queue(BRIDGE), bridge_queue(BRIDGE)):
                make(queue, self._channel)
            self._bind_bridge(exchange)

    def _bind_bridge(self, exchange: str) -> None:
        if exchange == AUDIT_EXCHANGE:
            return
        change = self._channel.queue_bind if self.includes_bridge else self._channel.queue_unbind
        change(event_queue(BRIDGE).name, exchange, "#")

    def _settle(self, tag: int, multiple: bool, nacked: bool) -> None:
        tags = [open_tag for open_tag in self._open if open_tag <= tag] if multiple else [tag]
        self._settled += [(self._open.pop(settled), nacked) for settled in tags if settled in self._open]

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, False)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, True)

    def _on_return(self, _error: Exception, _exchange: str, _routing_key: str, message: amqp.Message) -> None:
        self._returned.add(message.properties["message_id"])


def goes_to_bridge(wrapped: dict[str, Any]) -> bool:
    """Whether the event is forwarded to Kafka: all but the audit trail's, which contain personal data."""
    return exchange_of(wrapped) != AUDIT_EXCHANGE


def _aggregate(wrapped: dict[str, Any]) -> tuple[str, str]:
    return wrapped["source"], wrapped["subject"]
