"""The client of one thread that costs little."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import fast_http

BODY = b"x" * 300_000
"""More than one read takes."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200 if self.path == "/there" else 404)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_complete_replies_are_counted(url):
    result = fast_http.run(url, ["/there"], clients=3, seconds=0.05)

    assert len(result.times) >= 3
    assert result.errors == {}


def test_other_statuses_are_errors(url):
    result = fast_http.run(url, ["/missing"], clients=2, seconds=0.01)

    assert result.times == []
    assert result.errors["404"] >= 2
