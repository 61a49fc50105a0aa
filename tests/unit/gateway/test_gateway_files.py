"""Uploads while the files service crashes in the middle of its reply."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask_openapi3 import OpenAPI

from gateway_flask.testing import Issuer

FORM = {"Content-Type": "multipart/form-data; boundary=x"}


STOPPED = b'{"status": "not found"}'
"""The reply of the health port while the service in that process is stopped."""


@pytest.fixture(params=[b"", b"<html>", None, STOPPED], ids=["nothing", "no JSON", "half of it", "stopped"])
def crashing_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that closes the connection in the middle of its reply."""

    class CrashingHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(404 if request.param == STOPPED else 201)
            self.send_header("Content-Length", "100" if request.param is None else str(len(request.param)))
            self.end_headers()
            self.wfile.write(request.param or b"")
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), CrashingHandler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_upload_to_a_crashing_service_is_retryable(
    make_app: Callable[..., OpenAPI], issuer: Issuer, crashing_server: str
) -> None:
    client = make_app(files_url=crashing_server).test_client()

    reply = client.post(
        "/api/v1/files", data=b"--x--\r\n", headers=FORM | {"Authorization": f"Bearer {issuer.token()}"}
    )

    assert (reply.status_code, reply.json["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(reply.headers["Retry-After"]) >= 1
