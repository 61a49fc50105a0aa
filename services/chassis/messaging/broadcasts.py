"""Follows broadcasts by a queue of this process, which ends with its connection."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable

import amqp
import structlog

from services.chassis.messaging.transport import BROKER_ERRORS, connect
from services.chassis.observability.metrics import BROADCASTS_DROPPED

RETRY_SECONDS = 2.0
HEARTBEAT_SECONDS = 20
QUIET_SECONDS = 5.0
"""Longest wait for a message before heartbeats are exchanged."""

log = structlog.get_logger()


class BroadcastFollower(ABC):
    """Reads from a thread of its own (in a service: a greenthread) until the process ends.

    `bindings` are exchanges with a pattern of routing keys each. Messages are not acknowledged: what is missed while
    there is no connection is missed, so a subclass reads or drops its state with each connection.
    """

    thread_name = "broadcasts"
    retry_seconds = RETRY_SECONDS

    def __init__(self, amqp_url: str, bindings: Iterable[tuple[str, str]]) -> None:
        self._url, self._bindings = amqp_url, tuple(bindings)
        self._ending = False
        self._logged: set[tuple[str, str]] = set()

    def start(self) -> None:
        threading.Thread(target=self._run, name=self.thread_name, daemon=True).start()

    def stop(self) -> None:
        self._ending = True

    def connected(self) -> None:  # noqa: B027 - a subclass may do without
        """Called when the queue is bound: later messages are received."""

    def disconnected(self) -> None:  # noqa: B027 - the same
        """Called when the connection was lost."""

    def idle(self) -> float:
        """Called before each wait for a message; returns the longest wait in seconds."""
        return QUIET_SECONDS

    @abstractmethod
    def receive(self, exchange: str, routing_key: str, body: bytes) -> None:
        """Handle a message. What it raises is counted and logged; the message is dropped."""

    def drop(self, exchange: str, reason: str, error: Exception) -> None:
        """Count a dropped message; log the first one for each reason."""
        BROADCASTS_DROPPED.labels(exchange, reason).inc()
        if (exchange, reason) not in self._logged:
            self._logged.add((exchange, reason))
            log.warning("broadcast_dropped", exchange=exchange, reason=reason, error=str(error)[:300])

    def _run(self) -> None:
        while not self._ending:
            try:
                self._listen(connect(self._url, heartbeat=HEARTBEAT_SECONDS))
            except BROKER_ERRORS as lost:
                log.info("broadcasts_disconnected", follower=self.thread_name, error=str(lost))
                time.sleep(self.retry_seconds)

    def _listen(self, connection: amqp.Connection) -> None:
        try:
            channel = connection.channel()
            queue = channel.queue_declare("", exclusive=True, auto_delete=True).queue
            for exchange in dict.fromkeys(exchange for exchange, _ in self._bindings):
                channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
            for exchange, pattern in self._bindings:
                channel.queue_bind(queue, exchange, pattern)
            channel.basic_consume(queue, no_ack=True, callback=self._on_message)
            self.connected()
            while not self._ending:
                try:
                    connection.drain_events(timeout=self.idle())
                except TimeoutError:
                    connection.heartbeat_tick()
        finally:
            self.disconnected()
            connection.collect()

    def _on_message(self, message: amqp.Message) -> None:
        """Handle a message. One that can't be read is dropped: this thread must not end, and nothing is retried."""
        delivery = message.delivery_info
        try:
            self.receive(delivery["exchange"], delivery["routing_key"], message.body)
        except Exception as error:
            self.drop(delivery["exchange"], "malformed", error)
