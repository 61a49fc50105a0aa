"""Publishes events in windows: many messages, then one wait for all publisher confirms."""

import time
from collections.abc import Sequence
from typing import Any

import amqp

from services.chassis.messaging.envelopes import exchange_of
from services.chassis.messaging.queues import bridge_queue, dead_queue, event_queue, make
from services.chassis.messaging.transport import PERSISTENT, connect, dumps
from services.chassis.observability.metrics import EVENTS_PUBLISHED
from services.chassis.runtime.registry import AUDIT, BRIDGE

WINDOW = 200
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
    """Publishes envelopes persistent, mandatory and confirmed, on a connection of its own, from one thread."""

    def __init__(self, url: str, service: str) -> None:
        self._service = service
        self._connection = connect(url)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)
        self._exchanges: set[str] = set()
        self._sent = 0
        self._open: set[int] = set()
        self._refused: set[str] = set()
        self._by_tag: dict[int, str] = {}

    def publish(self, envelopes: Sequence[dict[str, Any]]) -> set[str]:
        """Publish in order; the ids of those that the broker has taken responsibility for.

        One that no queue is bound to is returned by the broker and is not among them: it stays in the outbox.
        Raises one of `wire.BROKER_ERRORS` when the connection is lost: then nothing is known, and all are sent again.
        """
        confirmed: set[str] = set()
        for start in range(0, len(envelopes), WINDOW):
            window = envelopes[start : start + WINDOW]
            self._refused.clear()
            for wrapped in window:
                self._send(wrapped)
            while self._open:
                self._connection.drain_events(timeout=CONFIRM_SECONDS)
            taken = {wrapped["id"] for wrapped in window} - self._refused
            EVENTS_PUBLISHED.labels(self._service).inc(len(taken))
            confirmed |= taken
            if self._refused:
                break
        return confirmed

    def close(self) -> None:
        self._connection.collect()

    def _send(self, wrapped: dict[str, Any]) -> None:
        exchange = exchange_of(wrapped)
        if exchange not in self._exchanges:
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
        self._channel.basic_publish(message, exchange, wrapped["type"], mandatory=True)
        self._sent += 1
        self._open.add(self._sent)
        self._by_tag[self._sent] = wrapped["id"]

    def _declare(self, exchange: str) -> None:
        """Declare the exchange, as Nameko's event handlers do, and the queue of the consumer of all events."""
        self._channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        if exchange == f"{AUDIT}.events":
            listening, queues = AUDIT, (dead_queue(AUDIT), event_queue(AUDIT))
        else:
            listening, queues = BRIDGE, (dead_queue(BRIDGE), bridge_queue(BRIDGE))
        for queue in queues:
            make(queue, self._channel)
        self._channel.queue_bind(event_queue(listening).name, exchange, "#")

    def _settle(self, tag: int, multiple: bool) -> list[int]:
        tags = [open_tag for open_tag in self._open if open_tag <= tag] if multiple else [tag]
        self._open.difference_update(tags)
        return tags

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for settled in self._settle(tag, multiple):
            self._by_tag.pop(settled, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused.update(self._by_tag.pop(settled) for settled in self._settle(tag, multiple))

    def _on_return(self, _error: Exception, _exchange: str, _routing_key: str, message: amqp.Message) -> None:
        self._refused.add(message.properties["message_id"])
