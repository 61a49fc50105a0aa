"""Event handlers: a durable queue per service, bounded retries with growing delays, then the dead-letter queue.

Stock Nameko drops an event whose handler raises, or spins on it. Here a handler that fails is tried again after 1 s,
2 s, 5 s … (a setting), and what still fails is parked with its error, not lost.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from kombu import Queue, binding
from nameko.amqp.publish import get_producer
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension

from schemas.events.base import Event
from services.chassis.common import clock
from services.chassis.common.driver_errors import as_domain_error
from services.chassis.messaging.queue_consumer import OrderedQueueConsumer
from services.chassis.messaging.queues import dead_queue, delay_queue, event_exchange, event_queue
from services.chassis.observability.metrics import EVENT_SECONDS, EVENTS_DEAD, EVENTS_RETRIED

ATTEMPT = "x-attempt"
ERROR_LENGTH = 1_000
CONFIRM_SECONDS = 5

F = TypeVar("F", bound=Callable[..., Any])

log = structlog.get_logger()


class EventConsumer(SharedExtension, ProviderCollector):
    """Consumes the event queue of a service, in order, and dispatches each event to its handlers."""

    queue_consumer = OrderedQueueConsumer()

    def __init__(self) -> None:
        self.queue: Any = None
        self.handlers: dict[tuple[str, str], list[OnEvent]] = {}
        super().__init__()

    def register_provider(self, provider: "OnEvent") -> None:
        event = provider.event
        if self.queue is None:
            self.queue = event_queue(self.container.service_name)
            self.queue_consumer.register_provider(self)
        self.queue.bindings.add(binding(event_exchange(event.source), routing_key=event.type))
        self.handlers.setdefault((event.source, event.type), []).append(provider)
        super().register_provider(provider)

    def unregister_provider(self, provider: "OnEvent") -> None:
        super().unregister_provider(provider)
        if not self._providers:
            self.queue_consumer.unregister_provider(self)

    def declare(self, channel: Any) -> None:
        """Declare the queues for retries at each new connection: the broker may be a new one."""
        for queue in (dead_queue(self.container.service_name), *map(delay_queue, self.delays)):
            queue.bind(channel).declare()

    @property
    def prefetch(self) -> int:
        """The number of unacknowledged messages: what the workers can take, or whole batches."""
        batches = [getattr(provider, "prefetch", 0) for provider in self._providers]
        return max(int(self.queue_consumer.prefetch_count), *batches, 0)

    @property
    def delays(self) -> Sequence[float]:
        """Seconds before each retry."""
        return tuple(self.container.config["EVENT_RETRY_SECONDS"])

    def handle_message(self, body: Any, message: Any) -> None:
        if not isinstance(body, dict):
            self.dead_letter(message, TypeError("an event is a JSON object"))
            return
        source = str(body.get("source", "")).removeprefix("/")
        handlers = self.handlers.get((source, str(body.get("type"))), [])
        only = (message.headers or {}).get("x-handler")
        selected = [handler for handler in handlers if only in (None, handler.method_name)]
        if not selected and only is not None:
            self.dead_letter(message, LookupError(f"{only} does not handle this event any more"))
            return
        if not selected:  # bound by an earlier version of this service
            self.queue_consumer.ack_message(message)
            return
        first, *others = selected
        try:
            for other in others:  # each handler succeeds, fails and is tried again on its own
                self.send_to(self.queue.name, body, {"x-handler": other.method_name})
        except Exception as unreachable:
            self._requeue(message, unreachable)
            return
        first.handle_message(body, message)

    def handled(self, handler: "OnEvent", body: dict[str, Any], message: Any, error: BaseException | None) -> None:
        """Acknowledge the message after it was handled, scheduled for a retry, or dead-lettered."""
        if error is not None:
            try:
                self.retry_later(handler, body, message, error)
            except Exception as unreachable:
                self._requeue(message, unreachable)
                return
        self.queue_consumer.ack_message(message)

    def _requeue(self, message: Any, unreachable: Exception) -> None:
        """Requeue the message: the broker can't be reached."""
        log.warning("event_requeued", error=str(unreachable))
        self.queue_consumer.requeue_message(message)

    def on_undecodable(self, message: Any, error: Exception) -> None:
        """kombu's callback for a message that is no JSON."""
        self.dead_letter(message, error)

    def dead_letter(self, message: Any, error: BaseException) -> None:
        """Move an unreadable message, unchanged, to the dead-letter queue."""
        service = self.container.service_name
        EVENTS_DEAD.labels(service, "unreadable").inc()
        log.error("event_unreadable", error=str(error))
        headers = (message.headers or {}) | reason_headers(error)
        try:
            self.send_to(dead_queue(service).name, message.body, headers)
        except Exception as unreachable:
            self._requeue(message, unreachable)
            return
        self.queue_consumer.ack_message(message)

    def retry_later(self, handler: "OnEvent", body: dict[str, Any], message: Any, error: BaseException) -> None:
        attempt = int((message.headers or {}).get(ATTEMPT, 0)) + 1
        service, event_type = self.container.service_name, handler.event.type
        headers = {ATTEMPT: attempt, "x-handler": handler.method_name}
        if attempt > len(self.delays):
            EVENTS_DEAD.labels(service, event_type).inc()
            log.error("event_dead", event_type=event_type, event_id=body.get("id"), error=str(error))
            self.send_to(dead_queue(service).name, body, headers | reason_headers(error))
            return
        EVENTS_RETRIED.labels(service, event_type).inc()
        seconds = self.delays[attempt - 1]
        log.warning(
            "event_retry_scheduled", event_type=event_type, event_id=body.get("id"), seconds=seconds, error=str(error)
        )
        self.send_to(self.queue.name, body, headers, delay_queue(seconds))

    def send_to(self, queue: str, body: Any, headers: dict[str, Any], delay: Queue | None = None) -> None:
        """Publish a message to a queue by name: `send_to_queue`."""
        send_to_queue(self.container.config, queue, body, headers, delay)


def send_to_queue(
    config: dict[str, Any], queue: str, body: Any, headers: dict[str, Any], delay: Queue | None = None
) -> None:
    """Publish a message to a queue by name, confirmed, at once or after a delay. Bytes are sent unchanged."""
    raw = {"content_type": "application/json", "content_encoding": "utf-8"} if isinstance(body, bytes | str) else {}
    with get_producer(config["AMQP_URI"], ssl=config.get("AMQP_SSL")) as producer:
        producer.publish(
            body,
            exchange=delay.exchange if delay else "",
            routing_key=queue,
            headers=headers,
            mandatory=True,
            delivery_mode=2,
            confirm_timeout=CONFIRM_SECONDS,
            **raw,
            retry=True,
            retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
        )


def reason_headers(error: BaseException) -> dict[str, str]:
    """Headers with the error, truncated: a header that fills a frame closes the connection."""
    return {"x-error": f"{type(error).__name__}: {error}"[:ERROR_LENGTH], "x-died-at": clock.rfc3339(clock.now())}


class OnEvent(Entrypoint):
    """The entrypoint behind `@on_event(OrderConfirmed)`."""

    consumer = EventConsumer()

    def __init__(self, event: type[Event], **kwargs: Any) -> None:
        self.event = event
        super().__init__(**kwargs)

    def setup(self) -> None:
        self.consumer.register_provider(self)

    def stop(self) -> None:
        self.consumer.unregister_provider(self)

    def handle_message(self, body: dict[str, Any], message: Any) -> None:
        started = time.perf_counter()
        try:
            event = self.event.from_envelope(body)
        except Exception as unreadable:
            self.consumer.handled(self, body, message, unreadable)
            return
        data = {
            "request_id": body.get("requestid"),
            "user_id": body.get("userid"),
            "traceparent": body.get("traceparent"),
        }
        try:
            self.container.spawn_worker(
                self,
                (event,),
                {},
                context_data={key: value for key, value in data.items() if value},
                handle_result=partial(self.handle_result, body, message, started),
            )
        except ContainerBeingKilled:
            self.consumer.queue_consumer.requeue_message(message)

    def handle_result(
        self, body: dict[str, Any], message: Any, started: float, worker_ctx: Any, result: Any, exc_info: Any
    ) -> Any:
        error = exc_info[1] if exc_info else None
        self.consumer.handled(self, body, message, error)
        outcome = "ok" if error is None else getattr(as_domain_error(error), "code", "INTERNAL_ERROR")
        EVENT_SECONDS.labels(self.container.service_name, self.event.type, outcome).observe(
            time.perf_counter() - started
        )
        return result, exc_info


def on_event(*events: type[Event]) -> Callable[[F], F]:
    """Call the method with each of these events. At least once, possibly late, doubled or out of order."""

    def decorate(method: F) -> F:
        for event in events:
            method = OnEvent.decorator(event)(method)
        return method

    return decorate


__all__ = ["on_event"]
