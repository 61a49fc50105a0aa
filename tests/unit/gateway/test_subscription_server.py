"""The server of subscriptions in front of fake services: limits, ended sessions, clients that do not read."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway_flask.subscriptions import order_feeds
from gateway_flask.subscriptions import socket as sockets
from gateway_flask.subscriptions.application import application
from gateway_flask.subscriptions.order_feeds import OrderFeeds
from gateway_flask.subscriptions.server import SubscriptionServer
from gateway_flask.testing import SESSION, FakeServices, Issuer, settings
from tests.support.graphql import drain
from tests.support.shop import eventually

ORDER = "0197b1c8-7a5e-7cc0-9f00-000000000001"
FIGURES = "subscription { liveFigures { topProducts { name } } }"


class Served:
    """A server in a thread of its own."""

    def __init__(self, services: FakeServices, **values: Any) -> None:
        given = settings(**values)
        self.app = application(given, services)
        self.server = SubscriptionServer(self.app, given, live_seconds=0.01)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert eventually(self._listens, seconds=10)

    def _run(self) -> None:
        self._loop.run_until_complete(self.server.run("127.0.0.1", self.port, self._stopped))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(timeout=10)

    @contextmanager
    def socket(self, payload: dict[str, str] | None = None) -> Iterator[ClientConnection]:
        address = f"ws://127.0.0.1:{self.port}/graphql"
        with connect(address, subprotocols=["graphql-transport-ws"], close_timeout=0.2) as connection:  # type: ignore[list-item]
            with suppress(ConnectionClosed):  # a refused one
                connection.send(json.dumps({"type": "connection_init", "payload": payload or {}}))
            yield connection


@pytest.fixture
def serve(services: FakeServices) -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(**values: Any) -> Served:
        running.append(Served(services, **values))
        return running[-1]

    yield start
    for served in running:
        served.stop()


def closed(connection: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the server closes the socket."""
    with pytest.raises(ConnectionClosed) as ended:
        drain(connection)
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


def acknowledged(connection: ClientConnection) -> bool:
    return bool(json.loads(connection.recv(timeout=10)) == {"type": "connection_ack"})


def test_socket_ends_with_its_token(serve: Callable[..., Served], issuer: Issuer) -> None:
    with serve().socket(issuer.bearer(expires_in=1)) as connection:
        assert closed(connection) == (4401, "TOKEN_EXPIRED")


def test_socket_ends_with_its_session(serve: Callable[..., Served], issuer: Issuer) -> None:
    served = serve()

    with served.socket(issuer.bearer()) as connection:
        assert acknowledged(connection)
        served.app.extensions["revocations"].add({SESSION: 2.0**40})
        assert closed(connection) == (4401, "UNAUTHENTICATED")
    assert eventually(lambda: served.server.places.total == 0, seconds=5)


@pytest.mark.parametrize("limit", ["graphql_sockets", "graphql_sockets_per_address", "graphql_sockets_per_user"])
def test_socket_beyond_a_limit_is_refused(serve: Callable[..., Served], issuer: Issuer, limit: str) -> None:
    served = serve(**{limit: 1})

    with served.socket(issuer.bearer()) as first:
        assert acknowledged(first)
        with served.socket(issuer.bearer()) as second:
            code, _ = closed(second)
    assert eventually(lambda: served.server.places.total == 0, seconds=5)
    with served.socket(issuer.bearer()) as third:
        assert acknowledged(third)

    assert code == 1013


def test_client_that_does_not_read_is_dropped(
    serve: Callable[..., Served], services: FakeServices, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.2)
    services.answer("analytics.live", {"top_products": [{"title": "x" * 500_000}]})
    served = serve()

    with served.socket(issuer.bearer("ADMIN")) as connection:
        connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": FIGURES}}))
        assert eventually(lambda: served.server.places.total == 0, seconds=20)


def test_health_and_unknown_paths_are_answered(serve: Callable[..., Served]) -> None:
    url = f"http://127.0.0.1:{serve().port}"

    assert requests.get(f"{url}/health/live", timeout=5).status_code == 200
    ready = requests.get(f"{url}/health/ready", timeout=5)
    assert (ready.status_code, ready.json()["dependencies"]["rabbitmq"]) == (503, "down")
    assert "ultramarket_graphql_sockets" in requests.get(f"{url}/metrics", timeout=5).text
    assert requests.get(f"{url}/nothing", timeout=5).status_code == 404


class FakeSession:
    """Runs the work at once."""

    async def run(self, work: Callable[[], Any]) -> Any:
        return work()


def test_slow_reader_gets_the_latest_state_only(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [{"sequence": number, "status": f"status {number}"} for number in range(1, 100)]
    reads: list[str] = []

    def read(order_id: str) -> dict[str, Any]:
        reads.append(order_id)
        return states[len(reads) - 1]

    monkeypatch.setattr(order_feeds, "read", read)

    async def follow() -> list[int]:
        feeds = OrderFeeds()
        followers = [feeds.follow(FakeSession(), ORDER, after=None) for _ in range(2)]  # type: ignore[arg-type]
        received = [(await anext(follower))["sequence"] for follower in followers]
        for _ in range(5):
            feeds.notify(ORDER)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        received += [(await anext(follower))["sequence"] for follower in followers]
        for follower in followers:
            await follower.aclose()  # type: ignore[attr-defined]
        assert len(feeds) == 0
        return received

    received = asyncio.run(follow())

    assert received[:2] == [1, 2]
    assert received[2] == received[3] == len(reads)
    assert len(reads) <= 2 + 5, "one read for an event, not one for each subscriber"
