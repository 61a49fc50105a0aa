"""Kafka producer of behaviour events. `write` only enqueues: it neither blocks nor fails while Kafka is unavailable.

Undelivered events wait in a bounded queue in memory. When it is full, or after five minutes, they are lost and counted
as such in `ultramarket_tracked_total`.
"""

import logging
from typing import Any, Final

import eventlet
import orjson
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from eventlet import tpool
from nameko.extensions import DependencyProvider
from prometheus_client import Counter

from schemas.events.behaviour import Behaviour
from schemas.events.kafka import record_headers
from services.chassis.common.kafka_options import kafka_options

MAX_QUEUED_EVENTS: Final = 20_000
MAX_QUEUED_KBYTES: Final = 16_384
DELIVERY_TIMEOUT_MS: Final = 300_000
POLL_SECONDS: Final = 1.0
FLUSH_SECONDS: Final = 5.0
TRACKED: Final = Counter(
    "ultramarket_tracked_total",
    "Behaviour events: taken, or lost because Kafka was unavailable",
    ["outcome"],
)

log = structlog.get_logger()


class BehaviourProducer:
    """Writes CloudEvents envelopes of behaviour events to their topic, keyed by their subject."""

    def __init__(
        self, client_options: dict[str, Any], max_queued: int = MAX_QUEUED_EVENTS, timeout_ms: int = DELIVERY_TIMEOUT_MS
    ) -> None:
        self._producer = Producer(_options(client_options, max_queued, timeout_ms))

    def write(self, envelope: dict[str, Any]) -> None:
        """Enqueue one event; if the queue is full, or Kafka refuses the record, it is counted as lost."""
        try:
            self._producer.produce(
                Behaviour.topic(),
                orjson.dumps(envelope),
                envelope["subject"],
                headers=record_headers(),
                on_delivery=_on_delivery,
            )
            TRACKED.labels("taken").inc()
        except (BufferError, KafkaException) as error:
            TRACKED.labels("lost").inc()
            log.warning("behaviour_event_lost", error=str(error))
        self.serve_callbacks()

    def serve_callbacks(self) -> None:
        """Run the callbacks of delivered and failed records; does not wait."""
        self._producer.poll(0)

    def flush(self, seconds: float) -> int:
        """Wait until the queue is empty, at most `seconds`; blocks the thread. Returns the number of events left."""
        return int(self._producer.flush(seconds))

    def purge(self) -> None:
        """Drop the queue."""
        self._producer.purge(blocking=False)


def _on_delivery(error: KafkaError | None, _record: Any) -> None:
    if error is not None:
        TRACKED.labels("lost").inc()
        log.warning("behaviour_event_lost", error=str(error))


def _options(client_options: dict[str, Any], max_queued: int, timeout_ms: int) -> dict[str, Any]:
    library_log = logging.getLogger("ultramarket.behaviour_producer")
    library_log.setLevel(logging.CRITICAL)  # while Kafka is unavailable librdkafka logs an error every second
    return client_options | {
        "enable.idempotence": True,
        "linger.ms": 100,  # nobody waits for these records, and Kafka handles batches more cheaply
        "compression.type": "lz4",
        "message.timeout.ms": timeout_ms,
        "queue.buffering.max.messages": max_queued,
        "queue.buffering.max.kbytes": MAX_QUEUED_KBYTES,
        "reconnect.backoff.max.ms": 2000,
        "logger": library_log,
    }


class BehaviourEvents(DependencyProvider):
    """Gives each worker the process's `BehaviourProducer`, and flushes it at stop in a native thread."""

    producer: BehaviourProducer

    def setup(self) -> None:
        self.producer = BehaviourProducer(kafka_options(self.container.config["SETTINGS"]))

    def start(self) -> None:
        self.container.spawn_managed_thread(self._serve_callbacks, identifier="behaviour-producer")

    def get_dependency(self, worker_ctx: Any) -> BehaviourProducer:
        return self.producer

    def stop(self) -> None:
        left = tpool.execute(self.producer.flush, FLUSH_SECONDS)
        if left:
            TRACKED.labels("lost").inc(left)
            log.warning("behaviour_events_lost", count=left)
        self.producer.purge()

    def kill(self) -> None:
        self.producer.purge()

    def _serve_callbacks(self) -> None:
        while True:
            self.producer.serve_callbacks()
            eventlet.sleep(POLL_SECONDS)
