"""A receiver of webhooks: an HTTP server on a loopback address of its own, at the port that test instances allow."""

import hashlib
import hmac
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

from services.chassis.outbound.addresses import OutboundPolicy
from tests.support.shop import eventually

PORT = 8077
NETWORK = "127.77.0.0/16"
POLICY = OutboundPolicy((ip_network(NETWORK),), frozenset({PORT}), plain_http=True)
"""`.ci/test` gives its instances the same by settings."""


@dataclass(frozen=True)
class Received:
    """A request that the receiver got."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def signatures(self) -> list[str]:
        return [part[3:] for part in self.headers["x-ultramarket-signature"].split(",") if part.startswith("v1=")]

    def is_signed_with(self, secret: str) -> bool:
        """Whether one of the signatures is that of the secret, as the documentation defines it."""
        timestamp = self.headers["x-ultramarket-signature"].partition(",")[0].removeprefix("t=")
        code = hmac.new(secret.encode(), f"{timestamp}.".encode() + self.body, hashlib.sha256).hexdigest()
        return code in self.signatures() and abs(time.time() - int(timestamp)) < 300


class Receiver:
    """Records requests; `answer` gives the status of each, 200 by default."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], int] = lambda request: 200
        self.headers: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Received({name.lower(): value for name, value in self.headers.items()}, body)
                receiver.received.append(request)
                self.send_response(receiver.answer(request))
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *_: Any) -> None:
                pass

        self.host = f"127.77.{random.randrange(256)}.{random.randrange(1, 255)}"
        self.url = f"http://{self.host}:{PORT}/hook"
        self.server = ThreadingHTTPServer((self.host, PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, **attributes: str) -> list[Received]:
        """The requests with events of these attributes."""
        return [each for each in self.received if attributes.items() <= each.event.items()]

    def wait_for(self, count: int, **attributes: str) -> list[Received]:
        """Wait for so many requests with events of these attributes."""
        eventually(lambda: len(self.of(**attributes)) >= count)
        return self.of(**attributes)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
