"""AMQP transport: JSON by orjson in Nameko's message format, and write-only connections.

The content type is Nameko's `application/json`, so stock services understand it. Only the library that reads and writes
it is another (kombu's own is several times slower).
"""

import _socket
import contextlib
import socket
import threading
import time
from typing import Any

import amqp
import kombu
import orjson
from kombu.serialization import register

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.broker_url import split_tls

RPC_EXCHANGE = "nameko-rpc"
TRANSIENT, PERSISTENT = 1, 2
CONNECT_SECONDS = 3
LEAST_CONNECT_SECONDS = 0.1
REPLY_SECONDS = 5
"""How long a broker that is connected may take to reply to a declaration, or to accept what is written."""
READ_BYTES = 65_536
CLOSE_SECONDS = 1
"""How long a broker may take to close a connection that is not needed any more."""
HEARTBEAT_SECONDS = 5
"""Of connections that only publish: a broker that has sent nothing for twice as long is given up."""

BROKER_ERRORS: tuple[type[Exception], ...] = (amqp.exceptions.AMQPError, OSError, EOFError)
"""The exceptions of a lost or refused connection."""


def dumps(value: Any) -> bytes:
    return orjson.dumps(value)


def use_orjson() -> None:
    """Let kombu, and with it Nameko, read and write `application/json` with orjson in this process."""
    register("json", dumps, orjson.loads, content_type="application/json", content_encoding="utf-8")


def connect(
    url: str,
    heartbeat: int = 0,
    seconds: float | None = None,
    connect_seconds: float | None = None,
    tls: dict[str, Any] | None = None,
) -> amqp.Connection:
    """An open connection. Raises one of `BROKER_ERRORS` when the broker can't be reached in 3 s, or `connect_seconds`.

    Its methods that wait for the broker raise `TimeoutError` after 5 s of silence; with `seconds`, that is the limit
    of each wait, of the connecting ones too. py-amqp makes the kernel give up on a peer that acknowledges nothing for
    1 s (TCP_USER_TIMEOUT). TLS as the URL says (see `split_tls`), or by the options `tls`.
    """
    address, options_of_url = split_tls(url)
    connect_seconds, reply_seconds = connect_seconds or seconds or CONNECT_SECONDS, seconds or REPLY_SECONDS
    options = {"read_timeout": None, "write_timeout": reply_seconds, "connect_timeout": connect_seconds}
    parameters = kombu.Connection(
        address,
        heartbeat=heartbeat,
        connect_timeout=connect_seconds,
        transport_options=options,
        login_method="PLAIN",
        ssl=tls or options_of_url,
    )
    connection: amqp.Connection = parameters.transport.establish_connection()
    connection.transport.sock.settimeout(reply_seconds)
    return connection


def read_ahead(connection: amqp.Connection) -> None:
    """Let a connection that is only read by one thread receive all that has arrived at once.

    py-amqp asks the kernel nine times for each message: for the seven bytes of a frame's header, its payload and its
    end, three frames each. With eventlet a call costs some 30 µs; among many threads each lets go of the interpreter
    lock as well.
    """
    transport = connection.transport
    receive = transport._quick_recv
    transport._quick_recv = lambda _wanted: receive(READ_BYTES)


class Publisher:
    """Publishes on a connection of its own, without confirms, from any number of threads or greenthreads.

    For RPC messages: transient, and missed by a deadline if they are lost. The connection is written under a lock
    and read only there. It reconnects by itself: when the broker has closed it, and when it has sent nothing, no
    heartbeat either, for twice `HEARTBEAT_SECONDS`.
    """

    def __init__(self, url: str, tls: dict[str, Any] | None = None) -> None:
        self._url, self._tls = url, tls
        self._lock = threading.Lock()
        self._connection: amqp.Connection | None = None
        self._channel: amqp.Channel | None = None
        self._closed = threading.Event()
        self._heartbeats: threading.Thread | None = None

    def publish(
        self, body: bytes, *, exchange: str, routing_key: str, seconds: float | None = None, **properties: Any
    ) -> None:
        """Publish a message within `seconds`, 3 by default.

        A lost connection is replaced once. Raises `ServiceUnavailable` when the broker can't be reached: also when
        another thread has waited for it all the time.
        """
        message = amqp.Message(
            body, content_type="application/json", content_encoding="utf-8", delivery_mode=TRANSIENT, **properties
        )
        seconds = CONNECT_SECONDS if seconds is None else max(seconds, 0.0)
        until = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise ServiceUnavailable("The message broker can't be reached")
        try:
            self._publish(message, exchange, routing_key, until)
        finally:
            self._lock.release()

    def _publish(self, message: amqp.Message, exchange: str, routing_key: str, until: float) -> None:
        while True:
            is_new = self._channel is None
            try:
                self._open(until).basic_publish(message, exchange, routing_key)
                return
            except BROKER_ERRORS as lost:
                self._drop()
                if is_new:
                    raise ServiceUnavailable("The message broker can't be reached") from lost

    def close(self) -> None:
        """Close the connection when the broker has taken what was published; waits at most a second for that."""
        self._closed.set()
        with self._lock:
            if self._connection is not None:
                # RabbitMQ drops what its channel has not handled yet when a connection ends without being closed.
                with contextlib.suppress(*BROKER_ERRORS):
                    self._connection.transport.sock.settimeout(CLOSE_SECONDS)
                    self._connection.close()
            self._drop()

    def _open(self, until: float) -> amqp.Channel:
        if self._connection is not None:
            self._read(self._connection)
        if self._channel is None:
            seconds = max(until - time.monotonic(), LEAST_CONNECT_SECONDS)
            self._connection = connect(
                self._url,
                heartbeat=HEARTBEAT_SECONDS,
                connect_seconds=min(CONNECT_SECONDS, seconds),
                tls=self._tls,
            )
            self._channel = self._connection.channel()
        if self._heartbeats is None:
            self._heartbeats = threading.Thread(target=self._beat, name="publisher-heartbeats", daemon=True)
            self._heartbeats.start()
        return self._channel

    def _beat(self) -> None:
        """Send heartbeats, and give up a connection whose broker sends none."""
        while not self._closed.wait(HEARTBEAT_SECONDS / 2):
            with self._lock:
                if self._connection is None:
                    continue
                try:
                    self._read(self._connection)
                    self._connection.heartbeat_tick()
                except BROKER_ERRORS:
                    self._drop()

    @staticmethod
    def _read(connection: amqp.Connection) -> None:
        """Read what the broker sent: a close raises here, before a message is written into a closed connection."""
        sock = connection.transport.sock
        plain = getattr(sock, "fd", sock)  # eventlet's green socket keeps the real one in `fd`
        limit = plain.gettimeout()
        plain.settimeout(0)  # with a limit, `recv` waits that long before it asks the kernel
        try:
            # the plain socket's method, for a TLS one can't be peeked into; whether something came is all we ask
            waiting = _socket.socket.recv(plain, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        finally:
            plain.settimeout(limit)
        if not waiting:
            raise ConnectionResetError("the broker closed the connection")
        try:
            connection.blocking_read(timeout=0.05)
        except TimeoutError:
            return

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            connection.collect()
