"""The bridge: one thread that consumes events from RabbitMQ, produces them to Kafka, and acknowledges in order.

A message is acknowledged when its record and all earlier ones are confirmed by Kafka. While Kafka is unavailable the
producer retries without limit, at most `in_flight` events are pending, and the rest waits in the queue. One bridge at a
time consumes (single active consumer), so the order of an aggregate's events is kept.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import amqp
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from kafka_bridge.records import InvalidEvent, to_record
from kafka_bridge.settings import BridgeSettings
from kafka_bridge.telemetry import DEAD, IN_FLIGHT, LAG_SECONDS, RECORDS
from kafka_bridge.topics import ensure_topics
from schemas.events.kafka import record_headers
from services.chassis.common import clock
from services.chassis.common.kafka_options import kafka_options
from services.chassis.messaging.queues import bridge_queue, dead_queue, event_exchange, event_queue, make
from services.chassis.messaging.transport import BROKER_ERRORS, connect, read_ahead
from services.chassis.runtime.registry import ANALYTICS_CONSUMER, AUDIT, BRIDGE, GATEWAY, GATEWAY_WS, PORT_OFFSETS

WITHOUT_EVENTS = (ANALYTICS_CONSUMER, AUDIT, BRIDGE, GATEWAY, GATEWAY_WS)
EVENT_SOURCES = tuple(name for name in PORT_OFFSETS if name not in WITHOUT_EVENTS)
"""Services whose events are forwarded: all but audit, whose records contain personal data."""
HEARTBEAT_SECONDS = 20
RECONNECT_SECONDS = 0.5
HEALTH_SECONDS = 1.0
PERMANENT_ERRORS = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP}
)
"""Errors caused by the record itself: it is dead-lettered. Other errors are not the record's fault."""
IDLE_SECONDS, BUSY_SECONDS = 0.25, 0.02
"""How long to wait for the next event without and with pending records."""

log = structlog.get_logger()


class Bridge:
    """Runs until it is stopped. Raises `KafkaException` after a fatal producer error or a deleted topic: a restarted
    process recreates both.
    """

    def __init__(self, settings: BridgeSettings) -> None:
        self.settings = settings
        self._pseudonym_key = settings.pseudonym_key
        self.stopping = threading.Event()
        self.states = {"rabbitmq": "down", "kafka": "down"}
        self._producer = Producer(
            kafka_options(settings)
            | {
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 15,  # requests are per partition and cost the broker more than their records
                "compression.type": "lz4",
                "message.timeout.ms": 0,
                "reconnect.backoff.max.ms": 1000,
                "topic.metadata.propagation.max.ms": 10_000,  # after that an unknown topic counts as deleted
                "error_cb": self._on_kafka_error,
            }
        )
        self._pending: deque[_PendingEvent] = deque()
        self._fatal: KafkaError | None = None

    def run(self) -> None:
        """Create the topics, then forward events until `stopping` is set; reconnects by itself."""
        try:
            while not self.stopping.is_set() and not self._ensure_topics():
                self.stopping.wait(RECONNECT_SECONDS)
            while not self.stopping.is_set():
                try:
                    self._forward_events(connect(self.settings.amqp_url, heartbeat=HEARTBEAT_SECONDS))
                except BROKER_ERRORS as error:
                    self.states["rabbitmq"] = "down"
                    log.warning("broker_lost", error=str(error))
                    self.stopping.wait(RECONNECT_SECONDS)
            self._producer.flush(5)
        finally:
            # RabbitMQ still has these events; a producer that is released with queued records may block.
            self._producer.purge(blocking=False)

    def health(self) -> dict[str, str]:
        """The current state of RabbitMQ and Kafka."""
        try:
            self._producer.list_topics(timeout=HEALTH_SECONDS)
        except KafkaException:
            return self.states | {"kafka": "down"}
        return dict(self.states)

    def _ensure_topics(self) -> bool:
        try:
            ensure_topics(self.settings)
        except KafkaException as error:
            log.warning("kafka_unavailable", error=str(error))
            return False
        self.states["kafka"] = "up"
        return True

    def _forward_events(self, connection: amqp.Connection) -> None:
        read_ahead(connection)
        channel = connection.channel()
        self._pending.clear()  # unacknowledged messages are redelivered on the new connection
        _declare(channel, self.settings.bridge_name)
        channel.basic_qos(0, self.settings.in_flight, False)
        channel.basic_consume(event_queue(self.settings.bridge_name).name, callback=self._produce)
        self.states["rabbitmq"] = "up"
        try:
            while not self.stopping.is_set():
                try:
                    connection.drain_events(timeout=BUSY_SECONDS if self._pending else IDLE_SECONDS)
                except TimeoutError:
                    connection.heartbeat_tick()
                self._producer.poll(0)
                self._acknowledge(channel)
                if self._fatal is not None:
                    raise KafkaException(self._fatal)
            self._producer.flush(5)
            self._acknowledge(channel)
        finally:
            connection.collect()

    def _produce(self, message: amqp.Message) -> None:
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        try:
            record = to_record(body, self._pseudonym_key)
        except InvalidEvent as error:
            log.error("invalid_event", error=str(error))
            self._pending.append(_PendingEvent(message.delivery_tag, rejected=True, done=True))
            return
        pending = _PendingEvent(message.delivery_tag)
        self._pending.append(pending)
        IN_FLIGHT.set(len(self._pending))

        def delivered(error: KafkaError | None, _record: Any) -> None:
            if error is not None:
                self._handle_rejection(pending, record.topic, error)
                return
            pending.done = True
            RECORDS.labels(record.topic).inc()
            LAG_SECONDS.observe((clock.now() - record.time).total_seconds())

        try:
            self._produce_with_backpressure(
                lambda: self._producer.produce(
                    record.topic, record.value, record.key, headers=record_headers(), on_delivery=delivered
                )
            )
        except KafkaException as error:
            self._handle_rejection(pending, record.topic, error.args[0])

    def _produce_with_backpressure(self, produce: Callable[[], None]) -> None:
        while True:
            try:
                produce()
                return
            except BufferError:  # the producer's queue is full
                self._producer.poll(0.05)

    def _handle_rejection(self, pending: "_PendingEvent", topic: str, error: KafkaError) -> None:
        """Dead-letter a record that Kafka rejects permanently; after any other error the events are redelivered."""
        log.error("record_rejected", topic=topic, error=str(error))
        if error.code() in PERMANENT_ERRORS:
            pending.rejected = pending.done = True
        else:
            self._fatal = error

    def _acknowledge(self, channel: amqp.Channel) -> None:
        """Acknowledge the oldest confirmed messages with one frame; dead-letter rejected ones."""
        last: int | None = None
        while self._pending and self._pending[0].done:
            pending = self._pending.popleft()
            if pending.rejected:
                if last is not None:
                    channel.basic_ack(last, multiple=True)
                    last = None
                channel.basic_reject(pending.tag, requeue=False)
                DEAD.inc()
            else:
                last = pending.tag
        if last is not None:
            channel.basic_ack(last, multiple=True)
        IN_FLIGHT.set(len(self._pending))

    def _on_kafka_error(self, error: KafkaError) -> None:
        log.warning("kafka_error", error=str(error))
        if error.fatal():
            self._fatal = error


class _PendingEvent:
    """An event that Kafka has not confirmed yet."""

    __slots__ = ("done", "rejected", "tag")

    def __init__(self, tag: int, rejected: bool = False, done: bool = False) -> None:
        self.tag, self.rejected, self.done = tag, rejected, done


def _declare(channel: amqp.Channel, name: str) -> None:
    """Declare the bridge's queue, a new one with its bindings to all services' events, and its dead-letter queue.

    Publishers bind it too, when they begin, so a source that is new is not missing.
    """
    make(dead_queue(name), channel)
    if not make(bridge_queue(name), channel):
        return  # a service whose events wait until there is room has taken the queue off its exchange
    for source in EVENT_SOURCES:
        exchange = event_exchange(source)
        channel.exchange_declare(exchange.name, exchange.type, durable=True, auto_delete=exchange.auto_delete)
        channel.queue_bind(event_queue(name).name, exchange.name, routing_key="#")
