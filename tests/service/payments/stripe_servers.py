"""Stripe servers for tests: `stripe-mock`, which checks requests, and a server that replays documented replies."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl

import pytest

STRIPE_MOCK = "github.com/stripe/stripe-mock@v0.203.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ultramarket" / "bin"


def _stripe_mock() -> str:
    """The path of `stripe-mock`, built into the user's cache when Go and a network are there. Skips the test
    otherwise.
    """
    path = shutil.which("stripe-mock", path=f"{os.environ.get('PATH', '')}:{CACHE}")
    if path:
        return path
    if shutil.which("go") is None:
        pytest.skip("there is no stripe-mock, and no Go to build it with: only the replayed Stripe was tested")
    built = subprocess.run(
        ["go", "install", STRIPE_MOCK], env={**os.environ, "GOBIN": str(CACHE)}, capture_output=True, timeout=200
    )
    if built.returncode != 0:
        pytest.skip(f"stripe-mock can't be built here: {built.stderr.decode()[-200:]}")
    return str(CACHE / "stripe-mock")


@contextmanager
def stripe_mock() -> Iterator[str]:
    """Start `stripe-mock` on a free port: it refuses requests that Stripe's OpenAPI document doesn't allow."""
    command = [_stripe_mock(), "-http-addr", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if match := re.search(r"address: (127\.0\.0\.1:\d+)", line):
                    yield f"http://{match[1]}"
                    return
            raise AssertionError("stripe-mock ended before it listened")
        finally:
            process.terminate()


@dataclass(frozen=True)
class ReceivedRequest:
    """One HTTP request as received."""

    method: str
    path: str
    key: str | None
    fields: dict[str, str]


@dataclass
class ReplayedStripe:
    """Replays documented replies of Stripe in the order in which they were added, and records the requests."""

    address: str = ""
    requests: list[ReceivedRequest] = field(default_factory=list)
    replies: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def add_reply(self, body: dict[str, Any], status: int = 200) -> None:
        self.replies.append((status, body))


@contextmanager
def replayed_stripe() -> Iterator[ReplayedStripe]:
    """Start the replaying server on a free loopback port."""
    stripe = ReplayedStripe()

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            stripe.requests.append(
                ReceivedRequest(self.command, self.path, self.headers.get("Idempotency-Key"), dict(parse_qsl(form)))
            )
            status, body = stripe.replies.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = reply

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stripe.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
