"""Whether anybody takes what a service is asked, by the consumers of its request queue.

A service's queue outlives its processes, so that a restart loses no request: whoever asks meanwhile waits a moment.
But when nobody comes back, everybody would wait for the whole deadline. So the first one who waited in vain looks
why, and until somebody listens again the others hear it at once; it is looked for again once a second.
"""

import threading
import time
from typing import Final, Literal

import amqp
import structlog

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.transport import BROKER_ERRORS, connect

LOOK_SECONDS: Final = 1.0

log = structlog.get_logger()


def consumers(connection: amqp.Connection, service: str, kind: Literal["rpc", "evt"] = "rpc") -> int | None:
    """How many take from the service's queue of requests, or of events; None: there is no such queue, it never ran.

    A passive declaration tells.
    """
    channel = connection.channel()  # one each: the broker closes it when there is no such queue
    try:
        count: int = channel.queue_declare(f"{kind}-{service}", passive=True).consumer_count
    except amqp.exceptions.NotFound:
        return None
    channel.close()
    return count


class Presence:
    """Who is known to be away. Costs nothing while everybody is there."""

    def __init__(self, amqp_url: str) -> None:
        self._url = amqp_url
        self._lock = threading.Lock()
        self._look_at: dict[str, float] = {}
        """Services that nobody listens for, and when to look again."""

    def check(self, service: str) -> None:
        """Raises `ServiceUnavailable` when nobody listens."""
        look_at = self._look_at.get(service)
        if look_at is not None and (time.monotonic() < look_at or not self.look(service)):
            raise ServiceUnavailable(f"The service {service} is not running at the moment")

    def look(self, service: str) -> bool:
        """Ask the broker whether somebody listens. When it can't tell, we say so: asking the service will show."""
        with self._lock:
            look_at = self._look_at.get(service)
            if look_at is not None and time.monotonic() < look_at:
                return False
            try:
                connection = connect(self._url)
                try:
                    there = bool(consumers(connection, service))
                finally:
                    connection.close()
            except BROKER_ERRORS:
                there = True
            if there:
                self._look_at.pop(service, None)
            else:
                self._look_at[service] = time.monotonic() + LOOK_SECONDS
                log.warning("service_away", service=service)
            return there
