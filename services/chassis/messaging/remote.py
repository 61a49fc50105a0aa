"""Calls from one service to another: a dependency that sends requests and waits for their replies."""

import time
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

import eventlet
from eventlet.event import Event
from nameko.extensions import DependencyProvider
from nameko.messaging import HeaderEncoder
from nameko.rpc import ReplyListener

from services.chassis.common import context
from services.chassis.common.errors import DeadlineExceeded, from_wire
from services.chassis.common.ids import new_id
from services.chassis.messaging import local_calls
from services.chassis.messaging.queue_consumer import OrderedQueueConsumer
from services.chassis.messaging.rpc import RpcPublisher
from services.chassis.messaging.transport import RPC_EXCHANGE, dumps
from services.chassis.messaging.typed_calls import TypedService, service_of

T = TypeVar("T")


class Replies(ReplyListener):
    """Nameko's reply queue of the container, consumed without acknowledgements and without a thread per reply."""

    queue_consumer = OrderedQueueConsumer()
    inline = True

    def handle_message(self, body: Any, message: Any) -> None:
        waiting = self._reply_events.pop(message.properties.get("correlation_id"), None)
        if waiting is not None:
            waiting.send(body)

    def forget(self, correlation_id: str) -> None:
        self._reply_events.pop(correlation_id, None)

    def expect(self, correlation_id: str) -> Event:
        return self.get_reply_event(correlation_id)


class Remote(DependencyProvider, HeaderEncoder, Generic[T]):
    """Another service behind its RPC interface: `products = Remote(ProductsRpc)`, then `self.products.price_skus(…)`.

    Waits for what is left of the caller's own deadline, at most `deadline` seconds. Raises the other side's
    `DomainError`, `DeadlineExceeded`, `ServiceUnavailable` (no broker) or `RemoteFailure` (a bug there).
    """

    replies = Replies()
    rpc_publisher = RpcPublisher()

    def __init__(self, interface: type[T], deadline: float = 5.0) -> None:
        self.interface = interface
        self.service = service_of(interface)
        self.deadline = deadline

    @overload
    def __get__(self, instance: None, owner: type) -> "Remote[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "Remote[T] | T":
        """For the type checker: in a worker Nameko has put `get_dependency`'s result over this attribute."""
        return self

    def get_dependency(self, worker_ctx: Any) -> T:
        return cast(T, TypedService(self.interface, partial(self.call, worker_ctx)))

    def call(self, worker_ctx: Any, method: str, kwargs: dict[str, Any]) -> Any:
        seconds = context.remaining(self.deadline)
        if seconds <= 0:
            raise DeadlineExceeded()
        body = dumps({"args": [], "kwargs": kwargs})
        headers = self.get_message_headers(worker_ctx) | context.deadline_headers(seconds)
        if local_calls.is_local(self.service):
            reply = local_calls.call(self.service, method, body, headers, seconds)
        else:
            reply = self._call_by_broker(method, body, headers, seconds)
        if reply is None:
            raise DeadlineExceeded(f"{self.service}.{method} did not answer within {seconds:.1f} s")
        return outcome(reply)

    def _call_by_broker(
        self, method: str, body: bytes, headers: dict[str, Any], seconds: float
    ) -> dict[str, Any] | None:
        """The reply's body, or None when it did not come within `seconds`."""
        until = time.monotonic() + seconds
        correlation_id = new_id()
        reply = self.replies.expect(correlation_id)
        try:
            self.rpc_publisher.publisher.publish(
                body,
                exchange=RPC_EXCHANGE,
                routing_key=f"{self.service}.{method}",
                seconds=seconds,
                correlation_id=correlation_id,
                reply_to=self.replies.routing_key,
                expiration=str(int(seconds * 1000)),
                application_headers=headers,
            )
            with eventlet.Timeout(until - time.monotonic(), False):
                answer: dict[str, Any] = reply.wait()
                return answer
            return None
        finally:
            self.replies.forget(correlation_id)


def outcome(body: dict[str, Any]) -> Any:
    """The result of a reply; raises its error."""
    if error := body.get("error"):
        raise from_wire(error)
    return body["result"]
