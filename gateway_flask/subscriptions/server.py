"""The server of subscriptions: its sockets, health and metrics on one port."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from flask import Flask
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gateway_flask.graphql.persisted import PersistedDocuments
from gateway_flask.middleware.client_address import network_of, proxy_check
from gateway_flask.settings import GatewaySettings
from gateway_flask.subscriptions.live_feeds import EVERY_SECONDS, LiveFeeds
from gateway_flask.subscriptions.operations import Operations
from gateway_flask.subscriptions.order_events import OrderEvents
from gateway_flask.subscriptions.order_feeds import OrderFeeds
from gateway_flask.subscriptions.places import Places
from gateway_flask.subscriptions.session import SocketSession
from gateway_flask.subscriptions.socket import PROTOCOL, Socket
from services.chassis.common.errors import DomainError
from services.chassis.runtime.registry import GATEWAY_WS

THREADS: Final = 8
"""For calls of services, which block; they are short."""
WATCH_SECONDS: Final = 0.5
"""How often sessions are checked: revoked and expired ones end within a second."""
API_KEY_SECONDS: Final = 5.0
MAX_MESSAGE: Final = 65_536
WRITE_BUFFER: Final = 32_768
PING_SECONDS: Final = 20.0

SOCKETS: Final = Gauge("ultramarket_graphql_sockets", "Open sockets of subscriptions")
FOLLOWED: Final = Gauge("ultramarket_graphql_followed_orders", "Orders that are followed")

log = structlog.get_logger()


class SubscriptionServer:
    """Serves sockets until it is stopped; then they are closed with 1001, and clients connect again elsewhere."""

    def __init__(self, app: Flask, settings: GatewaySettings, live_seconds: float = EVERY_SECONDS) -> None:
        self._app, self._settings = app, settings
        self._is_proxy = proxy_check(settings.gateway_proxies)
        self._pool = ThreadPoolExecutor(THREADS, "calls")
        self._orders, live = OrderFeeds(), LiveFeeds(live_seconds)
        persisted = PersistedDocuments(app.extensions["redis"], settings)
        self._operations = Operations(settings, persisted, self._orders, live)
        self.places = Places(
            settings.graphql_sockets, settings.graphql_sockets_per_address, settings.graphql_sockets_per_user
        )
        self._sockets: set[Socket] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._events: OrderEvents | None = None
        SOCKETS.set_function(lambda: self.places.total)
        FOLLOWED.set_function(lambda: len(self._orders))

    async def run(self, host: str, port: int, stopped: asyncio.Event) -> None:
        """Serve until `stopped`."""
        loop = asyncio.get_running_loop()
        self._events = OrderEvents(
            self._settings.amqp_url,
            lambda order_id: loop.call_soon_threadsafe(self._orders.notify, order_id),  # type: ignore[arg-type, return-value]
            lambda: loop.call_soon_threadsafe(self._orders.notify_all),  # type: ignore[arg-type, return-value]
        )
        self._events.start()
        watching = [asyncio.create_task(self._watch()), asyncio.create_task(self._watch_api_keys())]
        async with serve(
            self._serve,
            host,
            port,
            subprotocols=[PROTOCOL],  # type: ignore[list-item]
            process_request=self._process,
            compression=None,
            max_size=MAX_MESSAGE,
            max_queue=16,
            write_limit=WRITE_BUFFER,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=2,
            server_header=None,
        ):
            await stopped.wait()
        for task in watching:
            task.cancel()

    async def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer plain requests; refuse a socket that is one too many before it is opened."""
        path = request.path.partition("?")[0]
        if path == "/metrics":
            return _response(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
        if path.startswith("/health"):
            return self._health(path)
        if path != "/graphql":
            return _response(HTTPStatus.NOT_FOUND, b"{}")
        return None

    def _health(self, path: str) -> Response:
        states: dict[str, str] = {}
        if path != "/health/live":
            connected = self._events is not None and self._events.connected.is_set()
            revocations = self._app.extensions["revocations"].current.is_set()
            states = {"rabbitmq": _state(connected), "revocations": _state(revocations)}
        ready = all(state == "up" for state in states.values())
        body = {"status": "ready" if ready else "not ready", "service": GATEWAY_WS, "dependencies": states}
        return _response(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, orjson.dumps(body))

    async def _serve(self, connection: ServerConnection) -> None:
        address = self._address_of(connection)
        network = network_of(address)
        try:
            self.places.enter(network)
        except DomainError as refused:
            await connection.close(1013, refused.code)
            return
        session = SocketSession(self._app, self._pool, address)
        socket = Socket(connection, session, self._operations, self.places)
        self._sockets.add(socket)
        try:
            await socket.serve()
        except TimeoutError:  # the client does not read
            connection.transport.abort()
        finally:
            self._sockets.discard(socket)
            self.places.leave(network)

    def _address_of(self, connection: ServerConnection) -> str:
        peer: str = connection.remote_address[0]
        forwarded = connection.request.headers.get("X-Forwarded-For") if connection.request else None
        return forwarded.rpartition(",")[2].strip() if forwarded and self._is_proxy(peer) else peer

    async def _watch(self) -> None:
        """Close the sockets of sessions that were revoked or have expired."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for socket in list(self._sockets):
                try:
                    socket.session.check()
                except DomainError as over:
                    self._end(socket, over)

    async def _watch_api_keys(self) -> None:
        """Close the sockets of keys that were deleted, or have lost their owner."""
        while True:
            await asyncio.sleep(API_KEY_SECONDS)
            for socket in [each for each in self._sockets if each.session.has_api_key]:
                try:
                    await socket.session.check_api_key()
                except DomainError as error:
                    if error.status == HTTPStatus.UNAUTHORIZED:
                        self._end(socket, error)

    def _end(self, socket: Socket, error: DomainError) -> None:
        self._sockets.discard(socket)
        task = asyncio.create_task(socket.end(error))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _state(is_up: bool) -> str:
    return "up" if is_up else "down"


def _response(status: HTTPStatus, body: bytes, content_type: str = "application/json") -> Response:
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, body)
