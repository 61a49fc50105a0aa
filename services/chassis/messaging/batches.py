"""Event handlers that take batches: for work that is cheap per event and expensive per transaction."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import eventlet
import structlog
from nameko.exceptions import ContainerBeingKilled

from schemas.events.base import Event
from services.chassis.messaging.events import OnEvent

F = TypeVar("F", bound=Callable[..., Any])
_Taken = list[tuple[Event, dict[str, Any], Any]]

log = structlog.get_logger()


class OnBatch(OnEvent):
    """The entrypoint behind `@on_batch(ActionRecorded, size=500, seconds=0.05)`.

    A batch that fails is handled again one by one, so that one bad event blocks no other; that one is retried and
    dead-lettered like any event.
    """

    def __init__(self, event: type[Event], size: int, seconds: float, **kwargs: Any) -> None:
        self.size, self.seconds = size, seconds
        self._taken: _Taken = []
        self._pausing = self._stopping = False
        super().__init__(event, **kwargs)

    @property
    def prefetch(self) -> int:
        """Two batches: one in work while the next one fills."""
        return 2 * self.size

    def stop(self) -> None:
        """Begin the batch that is being gathered: afterwards the service's dependencies are stopped."""
        self._stopping = True
        super().stop()
        self._begin()

    def handle_message(self, body: dict[str, Any], message: Any) -> None:
        try:
            event = self.event.from_envelope(body)
        except Exception as unreadable:
            self.consumer.handled(self, body, message, unreadable)
            return
        self._taken.append((event, body, message))
        if len(self._taken) >= self.size or self._stopping:
            self._begin()
        elif not self._pausing:
            self._pausing = True
            self.container.spawn_managed_thread(self._begin_after_delay, identifier="gathers-a-batch")

    def _begin_after_delay(self) -> None:
        eventlet.sleep(self.seconds)
        self._pausing = False
        self._begin()

    def _begin(self) -> None:
        taken, self._taken = self._taken, []
        if taken:
            self._work_on(taken)

    def _work_on(self, taken: _Taken) -> None:
        try:
            self.container.spawn_worker(
                self, ([event for event, _, _ in taken],), {}, handle_result=partial(self._settle, taken)
            )
        except ContainerBeingKilled:
            for _, _, message in taken:
                self.consumer.queue_consumer.requeue_message(message)

    def _settle(self, taken: _Taken, worker_ctx: Any, result: Any, exc_info: Any) -> Any:
        error = exc_info[1] if exc_info else None
        if error is not None and len(taken) > 1:
            log.warning("batch_failed", events=len(taken), error=str(error))
            for one in taken:
                self.container.spawn_managed_thread(partial(self._work_on, [one]), identifier="one-of-a-batch")
        elif error is not None:
            _, body, message = taken[0]
            self.consumer.handled(self, body, message, error)
        else:
            self.consumer.queue_consumer.ack_messages([message for _, _, message in taken])
        return result, exc_info


def on_batch(*events: type[Event], size: int, seconds: float) -> Callable[[F], F]:
    """Call the method with lists of up to `size` events of one kind, no later than `seconds` after the first of them
    came.
    """

    def decorate(method: F) -> F:
        for event in events:
            method = OnBatch.decorator(event, size, seconds)(method)
        return method

    return decorate


__all__ = ["on_batch"]
