"""A closed loop of GET requests on one thread, for replies that cost less than `bench.load`'s threads do.

One epoll object, prepared bytes out; of a reply only the status and the length are read.
"""

import random
import select
import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from bench.load import Result

BUFFER = 262_144


class _Client:
    """A connection with one request under way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun = 0.0
        self.data = b""

    def send(self, request: bytes) -> None:
        self.begun = time.perf_counter()
        self.socket.sendall(request)

    def complete(self) -> int | None:
        """Read what is there; the status, when the reply is complete. Raises `ConnectionResetError` at its end."""
        chunk = self.socket.recv(BUFFER)
        if not chunk:
            raise ConnectionResetError("the server closed the connection")
        self.data = self.data + chunk if self.data else chunk
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return None
        start = self.data.lower().find(b"\r\ncontent-length:", 0, end)
        length = int(self.data[start + 17 : self.data.find(b"\r\n", start + 17)]) if start >= 0 else 0
        if len(self.data) < end + 4 + length:
            return None
        status = int(self.data[9:12])
        self.data = b""
        return status


def run(url: str, paths: Sequence[str], clients: int, seconds: float) -> Result:
    """Request these paths at random; a reply that is not 200 is an error."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    requests = [f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode() for path in paths]
    chance, poll = random.Random(clients), select.epoll()
    by_number = {client.socket.fileno(): client for client in (_Client(address) for _ in range(clients))}
    times: list[float] = []
    errors: dict[str, int] = {}
    begun = time.perf_counter()
    for number, client in by_number.items():
        poll.register(number, select.EPOLLIN)
        client.send(chance.choice(requests))
    pending = len(by_number)
    while pending:
        for number, _ in poll.poll(30):
            client = by_number[number]
            status = client.complete()
            if status is None:
                continue
            now = time.perf_counter()
            if status == 200:
                times.append(now - client.begun)
            else:
                errors[str(status)] = errors.get(str(status), 0) + 1
            if now - begun < seconds:
                client.send(chance.choice(requests))
            else:
                pending -= 1
    result = Result(time.perf_counter() - begun, times, errors)
    for client in by_number.values():
        client.socket.close()
    poll.close()
    return result
