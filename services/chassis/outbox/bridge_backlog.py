"""Keeps a long outage of Kafka off the broker: past a limit of the bridge's queue, events wait in the service's store.

Every service's relay measures the queue. At the limit it takes the bridge's queue off its exchange: the other
services still get each event at once, and the relay moves it to the backlog, which the bridge gets, oldest first, when
its queue has room. Until the backlog is empty, newer events go behind it, so each aggregate keeps its order.
"""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import structlog

from services.chassis.messaging.queues import event_queue
from services.chassis.observability.metrics import BRIDGE_EXCLUDED
from services.chassis.outbox.publisher import ConfirmingPublisher
from services.chassis.runtime.registry import BRIDGE

DEFAULT_LIMIT = 200_000
"""Events; about 300 MB."""
CHECK_SECONDS = 1.0
BATCH = 500
TABLE = "outbox_for_bridge"

log = structlog.get_logger()


class BacklogStore(Protocol):
    """The events of a service that the bridge has not got yet, by position."""

    def oldest(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        """Positions and envelopes, oldest first."""

    def remove(self, positions: Sequence[int]) -> None: ...


class BridgeBacklog:
    """Decides for one relay whether the bridge's queue gets its events, and publishes those that had to wait."""

    def __init__(self, service: str, store: BacklogStore, publisher: ConfirmingPublisher, limit: int) -> None:
        self._service, self._store, self._publisher, self._limit = service, store, publisher, limit
        self._check_at = 0.0
        if store.oldest(1):
            publisher.exclude_bridge()
        self._report()

    def balance(self) -> bool:
        """Compare the queue with its limit, once a second, and publish what there is room for; True when more can be
        published at once.
        """
        if time.monotonic() < self._check_at:
            return False
        room = self._limit - self._publisher.bridge_depth()
        more = self._publish_oldest(room) if room > 0 and not self._publisher.includes_bridge else False
        if room <= 0 and self._publisher.includes_bridge:
            log.warning("bridge_queue_full", service=self._service, limit=self._limit)
            self._publisher.exclude_bridge()
        self._report()
        if not more:
            self._check_at = time.monotonic() + CHECK_SECONDS
        return more

    def _publish_oldest(self, room: int) -> bool:
        events = self._store.oldest(min(room, BATCH))
        if not events:  # nothing was added since: this is the only thread that adds
            log.info("bridge_queue_has_room", service=self._service)
            self._publisher.include_bridge()
            return False
        confirmed = self._publisher.publish([wrapped for _, wrapped in events], event_queue(BRIDGE).name)
        self._store.remove([position for position, wrapped in events if wrapped["id"] in confirmed])
        return len(confirmed) == len(events)

    def _report(self) -> None:
        BRIDGE_EXCLUDED.labels(self._service).set(0 if self._publisher.includes_bridge else 1)
