"""Clients that send or read slowly hold nobody up: nginx waits for them, no thread of the gateway does."""

import json
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support.files import upload
from tests.support.images import PDF
from tests.support.shop import Client, Shop, new_key

SLOW = 40
NINE_MB = 9 * 1024 * 1024
BYTE_SECONDS = 0.02
ROUNDS = 25


class SlowClients:
    """Connections that send their body byte by byte, and read a few bytes at a time, until the block ends."""

    def __init__(self, shop: Shop) -> None:
        url = urlsplit(shop.url)
        self._address = (url.hostname, url.port)
        self._stack = ExitStack()
        self._stopped = threading.Event()
        self.senders: list[tuple[socket.socket, bytes]] = []
        self.readers: list[socket.socket] = []
        self._sent = 0

    def send(self, path: str, body: bytes) -> None:
        head = f"POST /api/v1{path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
        self.senders.append((self._connect(f"{head}Content-Length: {len(body)}\r\n\r\n"), body))

    def read(self, path: str, client: Client) -> None:
        head = f"GET /api/v1{path} HTTP/1.1\r\nHost: shop\r\nAuthorization: {client.authorization}\r\n\r\n"
        self.readers.append(self._connect(head))

    def _connect(self, head: str) -> socket.socket:
        connection = self._stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(self._address)
        connection.sendall(head.encode())
        return connection

    def __enter__(self) -> "SlowClients":
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stack.close()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        self.statuses = [reader.recv(12) for reader in self.readers]
        while not self._stopped.wait(BYTE_SECONDS):
            for sender, body in self.senders:
                sender.sendall(body[self._sent : self._sent + 1])
            self._sent += 1
            for reader in self.readers:
                reader.recv(16)

    def finish(self) -> list[bytes]:
        """Send the rest of all bodies; the beginnings of the replies."""
        for sender, body in self.senders:
            sender.sendall(body[self._sent :])
        return [sender.recv(12) for sender, _ in self.senders]


@pytest.fixture
def slow_clients(shop: Shop) -> SlowClients:
    return SlowClients(shop)


def serve_others(shop: Shop, sku: str) -> list[int]:
    """The statuses of what other clients do meanwhile."""
    statuses = []
    for _ in range(ROUNDS):
        guest = shop.guest()
        statuses += [guest("GET", "/products?limit=5").status, guest.add(sku).status, guest("GET", "/cart").status]
    statuses.append(guest.order(key=new_key()).status)
    return statuses


SERVED = [200, 201, 200] * ROUNDS + [201]


def test_bodies_sent_byte_by_byte_hold_nobody_up(shop: Shop, slow_clients: SlowClients) -> None:
    sku = shop.product()
    for _ in range(SLOW):
        slow_clients.send("/cart/items", json.dumps({"sku": sku, "quantity": 1}).encode() + b" " * 10_000)

    with slow_clients:
        statuses = serve_others(shop, sku)
        slow_clients.stop()
        late = slow_clients.finish()

    assert statuses == SERVED
    assert late == [b"HTTP/1.1 201"] * SLOW


def test_large_files_read_slowly_hold_nobody_up(shop: Shop, slow_clients: SlowClients) -> None:
    sku, owner = shop.product(), shop.customer()
    stored = upload(owner, PDF.replace(b"\n", b"\n" + b" " * NINE_MB, 1), "document")
    assert stored.status == 201, stored
    for _ in range(SLOW):
        slow_clients.read(f"/files/{stored.data['id']}", owner)

    with slow_clients:
        statuses = serve_others(shop, sku)
        downloaded = owner("GET", f"/files/{stored.data['id']}")

    assert statuses == SERVED
    assert (downloaded.status, len(downloaded.raw)) == (200, len(PDF) + NINE_MB)
    assert slow_clients.statuses == [b"HTTP/1.1 200"] * SLOW
