"""Two Stripes to talk to: `stripe-mock`, Stripe's own check of requests, and one that replays documented answers."""

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
    """The program; built into the user's cache where there is Go and a network. Skips the test where there isn't."""
    found = shutil.which("stripe-mock", path=f"{os.environ.get('PATH', '')}:{CACHE}")
    if found:
        return found
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
    """Stripe's own mock on a free port: it refuses what Stripe's OpenAPI document doesn't allow."""
    command = [_stripe_mock(), "-http-addr", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if listening := re.search(r"address: (127\.0\.0\.1:\d+)", line):
                    yield f"http://{listening[1]}"
                    return
            raise AssertionError("stripe-mock ended before it listened")
        finally:
            process.terminate()


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    key: str | None
    fields: dict[str, str]


@dataclass
class ReplayedStripe:
    """Answers with what Stripe's documentation shows; the next answers are laid out before."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def will_answer(self, body: dict[str, Any], status: int = 200) -> None:
        self.answers.append((status, body))


@contextmanager
def replayed_stripe() -> Iterator[ReplayedStripe]:
    """A server on a free loopback port."""
    stripe = ReplayedStripe()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            stripe.asked.append(
                Asked(self.command, self.path, self.headers.get("Idempotency-Key"), dict(parse_qsl(form)))
            )
            status, body = stripe.answers.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stripe.address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield stripe
    finally:
        server.shutdown()
        server.server_close()
