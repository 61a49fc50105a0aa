"""The HTTP client for URLs from outside: a `requests` session that connects to public addresses only.

The host is resolved once, when the connection is made; the addresses are checked, and the connection goes to one of
them: a resolver that replies differently the second time is not asked a second time. TLS verifies the certificate for
the host's name. No redirects, no proxies or credentials from the environment, no connection is used twice; the size of
the reply and the time of the whole request are bounded.
"""

import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ReadTimeoutError
from urllib3.util.connection import create_connection

from services.chassis.outbound.addresses import DEFAULT_PORTS, OutboundPolicy, Resolver

CHUNK: Final = 16_384


class ResponseTooLarge(requests.RequestException):
    """The reply is longer than the limit."""


@dataclass(frozen=True)
class Limits:
    """Limits of one request."""

    seconds: float = 10.0
    """For the whole request: connecting, sending, and reading the reply to its end."""
    reply_bytes: int = 1_000_000


def resolve(host: str, port: int) -> list[str]:
    """Resolve a host by the system's resolver; under eventlet in a thread, so that other requests go on meanwhile."""
    if _is_monkey_patched():
        from eventlet import tpool

        rows = tpool.execute(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    else:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(row[4][0]) for row in rows]


def check_destination(url: str, policy: OutboundPolicy, resolver: Resolver = resolve) -> None:
    """Check where a URL leads when it is stored; each request checks again. Raises `OutboundRefused`.

    A host that cannot be resolved at the moment passes.
    """
    parts = policy.check_url(url)
    try:
        policy.addresses_of(str(parts.hostname), parts.port or DEFAULT_PORTS[parts.scheme], resolver)
    except OSError:
        return


class GuardedSession(requests.Session):
    """A session for URLs from outside. Requests raise `OutboundRefused` for a destination that is not allowed, and
    `requests.RequestException` for what fails.
    """

    def __init__(self, policy: OutboundPolicy, limits: Limits | None = None, resolver: Resolver = resolve) -> None:
        super().__init__()
        self.policy, self.limits, self.resolver = policy, limits or Limits(), resolver
        self.trust_env = False
        self.max_redirects = 0

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request and read the reply within the limits. A redirect is replied as it is."""
        self.policy.check_url(str(url))
        sockets: list[socket.socket] = []
        timeout = min(self.limits.seconds, options.pop("timeout", None) or self.limits.seconds)
        adapter = _GuardedAdapter(self.policy, self.resolver, sockets)
        session = _OneRequestSession(self, adapter)
        with _closed_after(self.limits.seconds, sockets) as is_overdue, session:
            try:
                response = session.request(
                    method, url, **options | {"allow_redirects": False, "stream": True, "timeout": timeout}
                )
                _read(response, self.limits.reply_bytes)
            except (requests.RequestException, OSError) as failed:
                if is_overdue() or _is_read_timeout(failed):
                    raise self._timeout() from failed
                raise
            if is_overdue():  # without a length, a closed connection looks like the reply's end
                raise self._timeout()
        return response

    def _timeout(self) -> requests.Timeout:
        return requests.Timeout(f"no complete reply within {self.limits.seconds} s")


def _is_read_timeout(failed: Exception) -> bool:
    """Whether the reply's body came too slowly: `requests` makes a `ConnectionError` of that."""
    return bool(failed.args) and isinstance(failed.args[0], ReadTimeoutError)


class _OneRequestSession(requests.Session):
    """A session of one request with the headers and settings of another."""

    def __init__(self, origin: GuardedSession, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.headers, self.auth, self.verify, self.cert = origin.headers, origin.auth, origin.verify, origin.cert
        self.trust_env = False
        self.mount("https://", adapter)
        self.mount("http://", adapter)


class _GuardedAdapter(HTTPAdapter):
    """Makes connections to checked addresses only."""

    def __init__(self, policy: OutboundPolicy, resolver: Resolver, sockets: list[socket.socket]) -> None:
        self.policy, self.resolver, self.sockets = policy, resolver, sockets
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        connect = self._connect

        class GuardedHTTPConnection(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class GuardedHTTPSConnection(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = GuardedHTTPConnection

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = GuardedHTTPSConnection

        manager: urllib3.PoolManager = self.poolmanager  # type: ignore[attr-defined]
        manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}

    def _connect(self, connection: HTTPConnection) -> socket.socket:
        """Connect to the first address of the host that takes the connection."""
        host, port = connection.host, connection.port
        try:
            addresses = self.policy.addresses_of(host, port, self.resolver)
        except socket.gaierror as unknown:
            raise NameResolutionError(host, connection, unknown) from unknown
        except OSError as unknown:
            raise NewConnectionError(connection, f"{host} cannot be resolved: {unknown}") from unknown
        return self._connect_to(addresses, connection)

    def _connect_to(self, addresses: Sequence[str], connection: HTTPConnection) -> socket.socket:
        until = time.monotonic() + float(connection.timeout or 0)  # type: ignore[arg-type]
        failure: OSError = OSError("no address")
        for address in addresses:
            seconds = max(0.001, until - time.monotonic())
            try:
                sock = create_connection((address, connection.port), seconds, socket_options=connection.socket_options)
            except OSError as failed:
                failure = failed
                continue
            self.sockets.append(sock.dup())  # TLS takes the first one over
            sock.settimeout(connection.timeout)  # type: ignore[arg-type]
            return sock
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(connection, f"{connection.host} does not take the connection") from failure
        raise NewConnectionError(connection, f"{connection.host} does not take the connection") from failure


@contextmanager
def _closed_after(seconds: float, sockets: list[socket.socket]) -> Iterator[Any]:
    """Shut the sockets' connections down when the time is over: a peer that sends byte by byte never meets the time-out
    of a socket.
    """
    overdue = threading.Event()

    def shut_down() -> None:
        overdue.set()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed meanwhile

    timer = threading.Timer(seconds, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield overdue.is_set
    finally:
        timer.cancel()
        for sock in sockets:
            sock.close()


def _read(response: requests.Response, limit: int) -> None:
    """Read the reply's body, up to the limit, so that `response.content` has it."""
    body = bytearray()
    with response:
        for chunk in response.iter_content(CHUNK):
            body += chunk
            if len(body) > limit:
                raise ResponseTooLarge(f"the reply has more than {limit} bytes")
    response._content = bytes(body)


def _is_monkey_patched() -> bool:
    patcher = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("socket"))
