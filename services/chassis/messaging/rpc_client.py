"""An RPC client for processes that are not services: the gateway and the command line. Threads, not greenthreads.

One connection reads all replies and matches them by correlation id; a few others write requests. It follows Nameko's
own protocol, so stock services answer it as well. Make it after a fork: connections don't survive one.
"""

import itertools
import threading
import time
from typing import Any

import amqp
import orjson
import structlog

from services.chassis.common.context import deadline_headers
from services.chassis.common.errors import DeadlineExceeded, ServiceUnavailable, from_wire
from services.chassis.common.ids import new_id
from services.chassis.messaging.transport import (
    BROKER_ERRORS,
    HEARTBEAT_SECONDS,
    RPC_EXCHANGE,
    Publisher,
    connect,
    dumps,
    read_ahead,
)

FIRST_CONNECTION_SECONDS = 1.0
RECONNECT_SECONDS = (0.1, 0.25, 0.5, 1.0)

log = structlog.get_logger()


class _Reply:
    """An awaited reply; a plain lock is the cheapest way for a thread to wait."""

    __slots__ = ("arrived", "body", "settled")

    def __init__(self) -> None:
        self.arrived = threading.Lock()
        self.arrived.acquire()
        self.body: bytes | None = None
        self.settled = False

    def settle(self, body: bytes | None) -> None:
        """Deliver the reply, or None when it can't come any more; only the first call counts."""
        if not self.settled:
            self.settled, self.body = True, body
            self.arrived.release()


class RpcClient:
    """Calls services by name from any number of threads.

    `client.call("orders", "get_order", order_id=…)` → the JSON reply. Raises the service's `DomainError`,
    `DeadlineExceeded`, or `ServiceUnavailable` when there is no broker.
    """

    def __init__(self, amqp_url: str, publishers: int = 2) -> None:
        self._url = amqp_url
        self._all_publishers = [Publisher(amqp_url) for _ in range(publishers)]
        self._publishers = itertools.cycle(self._all_publishers)
        self._pending: dict[str, _Reply] = {}
        self._reply_to: str | None = None
        self._listening = threading.Event()
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, name="rpc-replies", daemon=True)
        self._reader.start()

    def call(
        self,
        service: str,
        method: str,
        /,
        *,
        deadline: float = 5.0,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call `service.method(**kwargs)` and wait at most `deadline` seconds for its reply.

        `context` (request_id, user_id, session_id, traceparent) is passed on to the calls and events that follow.
        """
        until = time.monotonic() + deadline
        if not self._listening.wait(min(deadline, 1.5)):
            raise ServiceUnavailable("The message broker can't be reached")
        correlation_id = new_id()
        reply = self._pending[correlation_id] = _Reply()
        headers = {f"nameko.{key}": value for key, value in (context or {}).items() if value is not None}
        try:
            next(self._publishers).publish(
                dumps({"args": [], "kwargs": kwargs}),
                exchange=RPC_EXCHANGE,
                routing_key=f"{service}.{method}",
                seconds=until - time.monotonic(),
                correlation_id=correlation_id,
                reply_to=self._reply_to,
                expiration=str(int(deadline * 1000)),
                application_headers=headers | deadline_headers(deadline) | {"nameko.call_id_stack": ["client"]},
            )
            if not reply.arrived.acquire(timeout=max(until - time.monotonic(), 0.001)):
                raise DeadlineExceeded(f"{service}.{method} did not answer within {deadline:.1f} s")
        finally:
            self._pending.pop(correlation_id, None)
        if reply.body is None:
            raise ServiceUnavailable("The connection was lost while waiting for the answer")
        body = orjson.loads(reply.body)
        if error := body.get("error"):
            raise from_wire(error)
        return body["result"]

    def cast(
        self,
        service: str,
        method: str,
        /,
        *,
        expires: float = 60.0,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send `service.method(**kwargs)` without asking for a reply. Waits for the client's first connection only.

        The request is dropped by the broker when no process of the service takes it within `expires` seconds. Raises
        `ServiceUnavailable` when the broker is not connected.
        """
        first = self._reply_to is None
        if not self._listening.wait(FIRST_CONNECTION_SECONDS if first else 0):
            raise ServiceUnavailable("The message broker can't be reached")
        headers = {f"nameko.{key}": value for key, value in (context or {}).items() if value is not None}
        next(self._publishers).publish(
            dumps({"args": [], "kwargs": kwargs}),
            exchange=RPC_EXCHANGE,
            routing_key=f"{service}.{method}",
            expiration=str(int(expires * 1000)),
            application_headers=headers | deadline_headers(expires) | {"nameko.call_id_stack": ["client"]},
        )

    @property
    def connected(self) -> bool:
        return self._listening.is_set()

    def close(self) -> None:
        """Stop reading; calls in flight end with `ServiceUnavailable`."""
        self._closed.set()
        self._reader.join(timeout=2)
        self._give_up()
        for publisher in self._all_publishers:
            publisher.close()

    def _read(self) -> None:
        delays = iter(RECONNECT_SECONDS)
        while not self._closed.is_set():
            try:
                connection = connect(self._url, heartbeat=HEARTBEAT_SECONDS)
                try:
                    self._listen(connection)
                    delays = iter(RECONNECT_SECONDS)
                    self._read_replies(connection)
                finally:
                    connection.collect()
            except Exception as lost:  # this thread must not end: without it every call would miss its deadline
                if self._listening.is_set() or not isinstance(lost, BROKER_ERRORS):
                    log.warning("broker_lost", error=str(lost), kind=type(lost).__name__)
                self._give_up()
                self._closed.wait(next(delays, RECONNECT_SECONDS[-1]))

    def _read_replies(self, connection: amqp.Connection) -> None:
        connection.transport.sock.settimeout(1)
        read_ahead(connection)
        tick_at = 0.0
        while not self._closed.is_set():
            try:
                connection.drain_events()
            except TimeoutError:
                tick_at = 0.0
            if time.monotonic() >= tick_at:
                connection.heartbeat_tick()
                tick_at = time.monotonic() + 1

    def _listen(self, connection: amqp.Connection) -> None:
        channel = connection.channel()
        reply_to = new_id()
        queue = f"rpc.reply-client-{reply_to}"
        channel.exchange_declare(RPC_EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        channel.queue_bind(queue, RPC_EXCHANGE, routing_key=reply_to)
        channel.basic_consume(queue, no_ack=True, callback=self._on_reply)
        self._reply_to = reply_to
        self._listening.set()

    def _on_reply(self, message: amqp.Message) -> None:
        reply = self._pending.get(message.properties.get("correlation_id"))
        if reply is not None:
            reply.settle(message.body if isinstance(message.body, bytes) else message.body.encode())

    def _give_up(self) -> None:
        """Fail all pending calls: the reply queue is gone with its connection."""
        self._listening.clear()
        for reply in list(self._pending.values()):
            reply.settle(None)
