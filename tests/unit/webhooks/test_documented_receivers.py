"""The receivers that docs/integrating.md shows accept our deliveries, and refuse others."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from services.webhooks.domain.signing import SigningKey, headers
from ultramarket.instance import ROOT

SECRET = "whsec_documented"
COMMANDS = {"python": [sys.executable, "-u"], "js": ["node"]}


def example(language: str) -> str:
    """The example of a language on the page."""
    page = (ROOT / "docs" / "integrating.md").read_text()
    [code] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return str(code)


NEEDS_NODE = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


@pytest.fixture(params=["python", pytest.param("js", marks=NEEDS_NODE)])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    script = tmp_path / f"receiver.{request.param}"
    script.write_text(example(request.param))
    environment = os.environ | {"SECRET": SECRET, "PORT": str(port)}
    process = subprocess.Popen([*COMMANDS[request.param], str(script)], env=environment, stdout=subprocess.PIPE)
    _wait_for_port(port)
    yield f"http://127.0.0.1:{port}/", process
    process.kill()
    process.wait()


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens at {port}")


def test_documented_receiver_verifies_signatures(receiver: tuple[str, "subprocess.Popen[bytes]"]) -> None:
    url, process = receiver
    body, now = '{"type":"order_confirmed","data":{"name":"Zoë"}}'.encode(), int(time.time())

    def post(secrets: list[str], timestamp: int, sent: bytes = body) -> int:
        keys = [SigningKey(str(number), secret) for number, secret in enumerate(secrets)]
        signed = headers(body, keys, timestamp, event_id="e", event_type="t", delivery_id="d", attempt=1)
        return requests.post(url, sent, headers=signed, timeout=30).status_code

    statuses = [
        post([SECRET], now),
        post(["whsec_new", SECRET], now),
        post(["whsec_other"], now),
        post([SECRET], now - 600),
        post([SECRET], now, body + b" "),
        requests.post(url, body, timeout=30).status_code,
    ]

    assert statuses == [204, 204, 401, 401, 401, 401]
    assert process.stdout is not None
    assert process.stdout.readline() == b"order_confirmed\n"
