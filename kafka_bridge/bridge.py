"""The bridge: one thread consumes events from RabbitMQ, produces them to Kafka, and acknowledges in order.

RabbitMQ keeps an event until Kafka has it: a message is acknowledged when its record, and all before it, are
confirmed. While Kafka is away the producer retries for ever, at most `in_flight` events are out, and the rest waits
in the queue. One bridge at a time reads (single active consumer), so the order of an aggregate's events is kept.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import amqp
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from kafka_bridge.records import HEADERS, NotAnEvent, record_of
from kafka_bridge.settings import BridgeSettings
from kafka_bridge.telemetry import DEAD, IN_FLIGHT, LAG_SECONDS, RECORDS
from kafka_bridge.topics import ensure_topics
from services.chassis.common import clock
from services.chassis.messaging.queues import bridge_queue, dead_queue, event_exchange, event_queue, make
from services.chassis.messaging.transport import BROKER_ERRORS, connect
from services.chassis.runtime.registry import ANALYTICS_CONSUMER, AUDIT, BRIDGE, GATEWAY, PORT_OFFSETS

SOURCES = tuple(name for name in PORT_OFFSETS if name not in (ANALYTICS_CONSUMER, AUDIT, BRIDGE, GATEWAY))
"""Sources of the events on Kafka: all but the audit trail, which holds addresses of persons."""
HEARTBEAT_SECONDS = 20
RECONNECT_SECONDS = 0.5
ASK_SECONDS = 1.0
UNWRITABLE = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP}
)
"""Kafka's permanent refusals of a record, which is then dead-lettered; other errors are retried."""
IDLE_SECONDS, BUSY_SECONDS = 0.25, 0.02
"""Seconds to wait for the next event while no record, or some records, await confirmation."""

log = structlog.get_logger()


class Bridge:
    """Runs until it is stopped. Raises `KafkaException` when the producer fails or a topic is missing: a new process
    creates both.
    """

    def __init__(self, settings: BridgeSettings) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self.states = {"rabbitmq": "down", "kafka": "down"}
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 15,  # each request is for one partition, and costs the broker more than its records
                "compression.type": "lz4",
                "message.timeout.ms": 0,
                "reconnect.backoff.max.ms": 1000,
                "topic.metadata.propagation.max.ms": 10_000,  # a topic that is unknown for longer is gone
                "error_cb": self._on_kafka_error,
            }
        )
        self._open: deque[_InFlight] = deque()
        self._fatal: KafkaError | None = None

    def run(self) -> None:
        """Create the topics, then forward events until `stopping` is set; reconnects by itself."""
        try:
            while not self.stopping.is_set() and not self._topics_are_there():
                self.stopping.wait(RECONNECT_SECONDS)
            while not self.stopping.is_set():
                try:
                    self._carry(connect(self.settings.amqp_url, heartbeat=HEARTBEAT_SECONDS))
                except BROKER_ERRORS as lost:
                    self.states["rabbitmq"] = "down"
                    log.warning("broker_lost", error=str(lost))
                    self.stopping.wait(RECONNECT_SECONDS)
            self._producer.flush(5)
        finally:
            # RabbitMQ has what is still here; a producer that is let go with messages may wait for them for ever.
            self._producer.purge(blocking=False)

    def health(self) -> dict[str, str]:
        """The state of both servers."""
        try:
            self._producer.list_topics(timeout=ASK_SECONDS)
        except KafkaException:
            return self.states | {"kafka": "down"}
        return dict(self.states)

    def _topics_are_there(self) -> bool:
        try:
            ensure_topics(self.settings)
        except KafkaException as away:
            log.warning("kafka_not_reached", error=str(away))
            return False
        self.states["kafka"] = "up"
        return True

    def _carry(self, connection: amqp.Connection) -> None:
        channel = connection.channel()
        self._open.clear()  # what was out on the old connection comes again on this one
        _declare(channel, self.settings.bridge_name)
        channel.basic_qos(0, self.settings.in_flight, False)
        channel.basic_consume(event_queue(self.settings.bridge_name).name, callback=self._produce)
        self.states["rabbitmq"] = "up"
        try:
            while not self.stopping.is_set():
                try:
                    connection.drain_events(timeout=BUSY_SECONDS if self._open else IDLE_SECONDS)
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
            record = record_of(body)
        except NotAnEvent as malformed:
            log.error("not_an_event", error=str(malformed))
            self._open.append(_InFlight(message.delivery_tag, dead=True, done=True))
            return
        flight = _InFlight(message.delivery_tag)
        self._open.append(flight)
        IN_FLIGHT.set(len(self._open))

        def delivered(error: KafkaError | None, _record: Any) -> None:
            if error is not None:
                self._refuse(flight, record.topic, error)
                return
            flight.done = True
            RECORDS.labels(record.topic).inc()
            LAG_SECONDS.observe((clock.now() - record.time).total_seconds())

        try:
            self._hand_over(
                lambda: self._producer.produce(
                    record.topic, record.value, record.key, headers=list(HEADERS), on_delivery=delivered
                )
            )
        except KafkaException as refused:
            self._refuse(flight, record.topic, refused.args[0])

    def _hand_over(self, produce: Callable[[], None]) -> None:
        while True:
            try:
                produce()
                return
            except BufferError:  # the producer's own queue is full: let it send
                self._producer.poll(0.05)

    def _refuse(self, flight: "_InFlight", topic: str, error: KafkaError) -> None:
        """Dead-letter a record that can't be written; raise for other errors, so that all is redelivered."""
        log.error("record_refused", topic=topic, error=str(error))
        if error.code() in UNWRITABLE:
            flight.dead = flight.done = True
        else:
            self._fatal = error

    def _acknowledge(self, channel: amqp.Channel) -> None:
        """Acknowledge all confirmed messages from the oldest on, with one frame."""
        last: int | None = None
        while self._open and self._open[0].done:
            flight = self._open.popleft()
            if flight.dead:
                if last is not None:
                    channel.basic_ack(last, multiple=True)
                    last = None
                channel.basic_reject(flight.tag, requeue=False)
                DEAD.inc()
            else:
                last = flight.tag
        if last is not None:
            channel.basic_ack(last, multiple=True)
        IN_FLIGHT.set(len(self._open))

    def _on_kafka_error(self, error: KafkaError) -> None:
        log.warning("kafka_error", error=str(error))
        if error.fatal():
            self._fatal = error


class _InFlight:
    """An event that awaits Kafka's confirmation."""

    __slots__ = ("dead", "done", "tag")

    def __init__(self, tag: int, dead: bool = False, done: bool = False) -> None:
        self.tag, self.dead, self.done = tag, dead, done


def _declare(channel: amqp.Channel, name: str) -> None:
    """Declare the bridge's queue, bound to all events, and its dead-letter queue."""
    for queue in (dead_queue(name), bridge_queue(name)):
        make(queue, channel)
    for source in SOURCES:
        exchange = event_exchange(source)
        channel.exchange_declare(exchange.name, exchange.type, durable=True, auto_delete=exchange.auto_delete)
        channel.queue_bind(event_queue(name).name, exchange.name, routing_key="#")
