"""Service presence: whether a service is running, by the number of consumers of its request queue.

A service's queue outlives its processes, so that a restart loses no request: requests wait in it. While a service is
down for longer, each of them would wait for its whole deadline. So the first request that times out checks the number
of consumers, and until there is one again, further requests fail at once; the check is repeated once a second.
One request at a time checks, and briefly: a broker that says nothing must not keep those that have timed out.
"""

import threading
import time
from typing import Final, Literal

import amqp
import structlog

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.transport import BROKER_ERRORS, connect

LOOK_SECONDS: Final = 1.0
BROKER_SECONDS: Final = 0.3
"""How long the broker may take for each step of a check."""

log = structlog.get_logger()


def consumers(connection: amqp.Connection, service: str, kind: Literal["rpc", "evt"] = "rpc") -> int | None:
    """The number of consumers of a service's RPC queue, or of its event queue; None when there is no such queue.

    Found by a passive declaration of the queue.
    """
    channel = connection.channel()  # one each: the broker closes it when there is no such queue
    try:
        count: int = channel.queue_declare(f"{kind}-{service}", passive=True).consumer_count
    except amqp.exceptions.NotFound:
        return None
    channel.close()
    return count


class Presence:
    """The services known to be down; checks cost nothing while all are up."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._lock = threading.Lock()
        self._look_at: dict[str, float] = {}
        """Services without consumers, and when to check again (monotonic seconds)."""

    def check(self, service: str) -> None:
        """Raises `ServiceUnavailable` for a service known to be down."""
        look_at = self._look_at.get(service)
        if look_at is not None and (time.monotonic() < look_at or not self.look(service)):
            raise ServiceUnavailable(f"The service {service} is not running at the moment")

    def look(self, service: str) -> bool:
        """Check at the broker whether the service is running.

        Without an answer, because the broker does not reply or another request checks, the last one holds.
        """
        if not self._lock.acquire(blocking=False):
            return service not in self._look_at
        try:
            look_at = self._look_at.get(service)
            if look_at is not None and time.monotonic() < look_at:
                return False
            count = self._count(service)
            if count or (count is None and look_at is None):
                self._look_at.pop(service, None)
                return True
            self._look_at[service] = time.monotonic() + LOOK_SECONDS
            log.warning("service_unavailable", service=service)
            return False
        finally:
            self._lock.release()

    def _count(self, service: str) -> int | None:
        """The number of the service's consumers; None when the broker does not reply."""
        try:
            connection = connect(self._url, seconds=BROKER_SECONDS)
            try:
                return consumers(connection, service) or 0
            finally:
                connection.close()
        except BROKER_ERRORS:
            return None
