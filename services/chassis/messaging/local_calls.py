"""RPC between services of one process without the broker: the setting `local_calls` (ADR 0077).

A local request is handled by the same entrypoint as one from the queue: arguments and reply pass through JSON, it has
the caller's headers and deadline, it waits for a free worker, and its errors are those that cross the wire.
"""

import time
from typing import TYPE_CHECKING, Any

import eventlet
import orjson
from eventlet.event import Event

if TYPE_CHECKING:
    from services.chassis.messaging.rpc import RpcConsumer

_consumers: dict[str, "RpcConsumer"] = {}
"""The running services of this process, by name."""


class LocalRequest:
    """A request that did not come from the broker; it has those attributes of a message that its handler reads."""

    def __init__(self, service: str, method: str, headers: dict[str, Any]) -> None:
        self.headers = headers
        self.delivery_info = {"routing_key": f"{service}.{method}"}
        self.properties: dict[str, Any] = {}
        self.received_at = time.monotonic()
        self._replied = Event()

    def reply(self, body: bytes) -> None:
        """Hand the reply to the caller; only the first one counts."""
        if not self._replied.ready():
            self._replied.send(body)

    def wait(self) -> dict[str, Any]:
        """Wait for the reply's body."""
        body: dict[str, Any] = orjson.loads(self._replied.wait())
        return body


def register(service: str, consumer: "RpcConsumer") -> None:
    """Let the service be called locally."""
    _consumers[service] = consumer


def unregister(service: str, consumer: "RpcConsumer") -> None:
    """End local calls of the service; one that has been started again meanwhile stays."""
    if _consumers.get(service) is consumer:
        del _consumers[service]


def is_local(service: str) -> bool:
    """Whether the service runs in this process."""
    return service in _consumers


def call(service: str, method: str, body: bytes, headers: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Call a service of this process; the reply's body, or None when it did not come within `seconds`."""
    consumer = _consumers[service]
    request = LocalRequest(service, method, headers)
    consumer.local_requests.add(request)
    try:
        with eventlet.Timeout(seconds, False):
            consumer.wait_for_worker()
            consumer.handle_message(orjson.loads(body), request)
            return request.wait()
        return None
    finally:
        consumer.local_requests.discard(request)
