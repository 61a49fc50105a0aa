"""Event handlers that need every event in the order of publication: one process at a time, one batch at a time.

`@on_event` hands events to concurrent workers and tries a failed one again after others. Here the queue has a single
active consumer, its events are handled in batches one after the other, and a batch that fails is tried again before
any later one. An event that can't be handled at all is dead-lettered after some attempts.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

import eventlet
import structlog
from eventlet.event import Event as Signal
from kombu import Queue, binding
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint

from schemas.events.base import Event
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.common.errors import DeadlineExceeded, ServiceUnavailable
from services.chassis.messaging.events import reason_headers, send_to_queue
from services.chassis.messaging.queue_consumer import OrderedQueueConsumer
from services.chassis.messaging.queues import (
    QUEUE_HEADER,
    QUORUM,
    ExistingQueue,
    dead_queue,
    event_exchange,
    event_queue,
)
from services.chassis.observability.metrics import EVENTS_DEAD, EVENTS_RETRIED

F = TypeVar("F", bound=Callable[..., Any])
Envelope = dict[str, Any]
RETRY_SECONDS: Final = (0.5, 1, 2, 5, 10)
"""Delays before a batch is handled again; the last one repeats while a server is away."""
ATTEMPTS: Final = 4
"""Attempts of a single event that fails for another reason than a server that is away."""

log = structlog.get_logger()


def stream_queue(service: str) -> Queue:
    """The queue of the events that a service consumes as one stream, beside the queue of its `@on_event` handlers."""
    arguments = {**QUORUM, "x-single-active-consumer": True}
    return ExistingQueue(f"{event_queue(service).name}.stream", bindings=set(), durable=True, queue_arguments=arguments)  # type: ignore[no-untyped-call]


class EventStream(Entrypoint):
    """The entrypoint behind `@event_stream(OrderPlaced, OrderConfirmed, …)`; the method takes a list of envelopes.

    At least once: after a crash, a lost connection or a failure events come again, with those that follow them.
    """

    queue_consumer = OrderedQueueConsumer()
    keeps_order = True
    """The queue consumer hands messages over as they come, also while all workers are busy."""

    def __init__(self, events: Sequence[type[Event]], size: int, seconds: float, **kwargs: Any) -> None:
        self.events, self.size, self.seconds = tuple(events), size, seconds
        self.prefetch = 2 * size
        self._arrived: list[tuple[Envelope, Any]] = []
        self._stopping = False
        self._wake = Signal()
        super().__init__(**kwargs)

    def takes(self, envelope: Envelope) -> bool:
        """Whether the method is to be called for an event; a batch without such an event is acknowledged at once."""
        return True

    def setup(self) -> None:
        self.queue = stream_queue(self.container.service_name)
        for event in self.events:
            self.queue.bindings.add(binding(event_exchange(event.source), routing_key=event.type))
        self.queue_consumer.register_provider(self)

    def start(self) -> None:
        self.container.spawn_managed_thread(self._run, identifier="event-stream")

    def stop(self) -> None:
        """Finish the batch in work; the others return to the queue."""
        self._stopping = True
        self._notify()
        self.queue_consumer.unregister_provider(self)

    def declare(self, channel: Any) -> None:
        """Declare the dead-letter queue at each new connection."""
        dead_queue(self.container.service_name).bind(channel).declare()

    def handle_message(self, body: Any, message: Any) -> None:
        if not isinstance(body, dict):
            self._dead_letter(message, "unreadable", TypeError("an event is a JSON object"))
            return
        self._arrived.append((body, message))
        self._notify()

    def on_undecodable(self, message: Any, error: Exception) -> None:
        self._dead_letter(message, "unreadable", error)

    def _notify(self) -> None:
        if not self._wake.ready():
            self._wake.send()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            eventlet.sleep(self.seconds)
            self._wake = Signal()
            while self._arrived and not self._stopping:
                batch, self._arrived = self._arrived[: self.size], self._arrived[self.size :]
                self._handle(batch)

    def _handle(self, batch: list[tuple[Envelope, Any]]) -> None:
        """Handle a batch until it succeeds; one that fails by itself is split into single events."""
        if any(self.takes(body) for body, _ in batch):
            error, attempt = self._call(batch), 0
            while error is not None and not self._stopping:
                if not _is_away(error):
                    if len(batch) > 1:
                        log.warning("batch_failed", events=len(batch), error=str(error))
                        for one in batch:
                            self._handle([one])
                        return
                    if attempt + 1 >= ATTEMPTS:
                        self._dead_letter(batch[0][1], str(batch[0][0].get("type")), error)
                        return
                EVENTS_RETRIED.labels(self.container.service_name, "batch").inc()
                log.warning("event_retry_scheduled", events=len(batch), error=str(error))
                eventlet.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                error, attempt = self._call(batch), attempt + 1
            if error is not None:
                return  # stopping: unacknowledged messages return to the queue
        self.queue_consumer.ack_messages([message for _, message in batch])

    def _call(self, batch: list[tuple[Envelope, Any]]) -> BaseException | None:
        """Run the method in a worker and wait for its end; the error that it raised."""
        ended = Signal()
        try:
            envelopes = [body for body, _ in batch]
            self.container.spawn_worker(self, (envelopes,), {}, handle_result=partial(self._end, ended))
        except ContainerBeingKilled as killed:
            return cast(BaseException, killed)
        return cast(BaseException | None, ended.wait())

    def _end(self, ended: Signal, worker_ctx: Any, result: Any, exc_info: Any) -> Any:
        ended.send(exc_info[1] if exc_info else None)
        return result, exc_info

    def _dead_letter(self, message: Any, event_type: str, error: BaseException) -> None:
        service = self.container.service_name
        EVENTS_DEAD.labels(service, event_type).inc()
        log.error("event_dead", event_type=event_type, error=str(error))
        try:
            headers = reason_headers(error) | {QUEUE_HEADER: self.queue.name}
            send_to_queue(self.container.config, dead_queue(service).name, message.body, headers)
        except Exception as unreachable:
            log.warning("event_requeued", error=str(unreachable))
            self.queue_consumer.requeue_message(message)
            return
        self.queue_consumer.ack_message(message)


def _is_away(error: BaseException) -> bool:
    """Whether a server or another service is away: the event isn't to blame."""
    return isinstance(as_domain_error(error), ServiceUnavailable | DeadlineExceeded)


def event_stream(
    *events: type[Event], size: int, seconds: float, entrypoint: type[EventStream] = EventStream
) -> Callable[[F], F]:
    """Call the method with lists of up to `size` envelopes of these events, in the order of their publication, no
    later than `seconds` after the first of them came.
    """

    def decorate(method: F) -> F:
        return entrypoint.decorator(events, size, seconds)(method)  # type: ignore[no-any-return]

    return decorate


__all__ = ["EventStream", "event_stream"]
