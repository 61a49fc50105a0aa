"""nginx with the configuration of an instance, in front of a gateway that a test scripts."""

import gzip
import http.client
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway_flask.testing import settings as gateway_settings
from tests.support.shop import eventually
from ultramarket.certificates import Authority
from ultramarket.nginx_config import certificate_of, render
from ultramarket.nginx_settings import NginxSettings
from ultramarket.servers.nginx import _executable, _version

SECURITY_HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy")
UPLOAD_LIMIT = 65_536 + 4096


class Gateway(ThreadingHTTPServer):
    """Replies what it was asked, or does what the path says."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.go_on = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{self.command} {self.path}")
        if self.path == "/silent":
            self.server.go_on.wait(30)
            self.close_connection = True
        elif self.path == "/breaks" and self.server.requests.count(f"{self.command} /breaks") % 2:
            self.close_connection = True  # without a reply, as a gateway that stops
        elif self.path == "/stream":
            self._stream()
        else:
            self._reply(json.dumps({"headers": dict(self.headers), "bytes": len(body), "filler": "x" * 3000}).encode())

    do_POST = do_PUT = do_DELETE = do_GET

    def _reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", self.headers["X-Request-Id"])
        self.send_header("ETag", '"7-abc"')
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: first\n\n")
        self.server.go_on.wait(30)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing: the test knows."""


@contextmanager
def serving() -> Iterator[Gateway]:
    server = Gateway()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with serving() as server:
        yield server


@pytest.fixture
def sockets() -> Iterator[Gateway]:
    """In place of the process with the WebSockets."""
    with serving() as server:
        yield server


class Nginx:
    """A running nginx, and requests to it."""

    def __init__(self, port: int, tls_port: int, authority: Authority) -> None:
        self.port, self.tls_port, self.authority = port, tls_port, authority

    def __call__(
        self, method: str, path: str, body: bytes | None = None, tls: bool = False, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, Any]:
        connection: http.client.HTTPConnection
        if tls:
            context = ssl.create_default_context(cafile=str(self.authority.cert))
            connection = http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        return response.status, response.headers, json.loads(content) if content else None


Start = Callable[..., Nginx]


@pytest.fixture
def start(tmp_path: Path, gateway: Gateway) -> Iterator[Start]:
    """Start nginx with these settings."""
    folder = tmp_path
    processes: list[subprocess.Popen[bytes]] = []

    def start(**values: Any) -> Nginx:
        base = gateway_settings().model_dump(include={*NginxSettings.model_fields})
        settings = NginxSettings(**(base | {"gateway_address": f"127.0.0.1:{gateway.port}"} | values))
        authority = Authority(folder / "tls", "test")
        certificate = certificate_of(settings, lambda: authority)
        ports = (_free_port(), _free_port())
        (folder / "tmp").mkdir()
        (folder / "nginx.conf").write_text(
            render(settings, folder, certificate, ports, _version(), "root" if os.getuid() == 0 else None)
        )
        command = [str(_executable()), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        processes.append(subprocess.Popen(command, cwd=folder))
        assert eventually(lambda: _answers(ports[0]))
        return Nginx(*ports, authority)

    yield start
    for process in processes:
        process.terminate()
        process.wait(15)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def seen(reply: tuple[int, Any, Any], name: str) -> str | None:
    """A header as the gateway got it."""
    value: str | None = reply[2]["headers"].get(name)
    return value


def refusal(reply: tuple[int, Any, Any]) -> tuple[int, str]:
    """Status and code of a reply of nginx itself, which is one of ours in all else."""
    status, headers, body = reply
    assert (body["success"], body["error"]["details"]) == (False, [])
    assert headers["Content-Type"] == "application/json"
    assert all(headers[name] for name in (*SECURITY_HEADERS, "X-Request-Id"))
    return status, body["error"]["code"]


class TestClient:
    def test_address_is_the_peer_whatever_it_sends(self, start: Start) -> None:
        sent = {"X_Forwarded_For": "203.0.113.9", "X_Real_Ip": "203.0.113.9", "X_Forwarded_Proto": "https"}

        reply = start()("GET", "/x", **sent)

        assert seen(reply, "X-Forwarded-For") == "127.0.0.1"
        assert seen(reply, "X-Forwarded-Proto") == "http"
        assert seen(reply, "X-Real-Ip") is None

    def test_trusted_proxies_name_the_client(self, start: Start) -> None:
        nginx = start(trusted_proxies="127.0.0.1, 10.0.0.0/8")
        chain = "192.0.2.1, 203.0.113.9, 10.1.1.1"  # the first one is the client's invention

        reply = nginx("GET", "/x", X_Forwarded_For=chain, X_Forwarded_Proto="https")

        assert seen(reply, "X-Forwarded-For") == "203.0.113.9"
        assert seen(reply, "X-Forwarded-Proto") == "https"
        assert reply[1]["Strict-Transport-Security"] == "max-age=31536000"

    def test_operators_alone_see_health_and_metrics(self, start: Start) -> None:
        nginx = start(trusted_proxies="127.0.0.1")

        for path in ("/health", "/health/live", "/health/ready", "/metrics", "/metrics/", "//metrics", "/%6detrics"):
            assert refusal(nginx("GET", path, X_Forwarded_For="203.0.113.9")) == (404, "NOT_FOUND"), path
            assert nginx("GET", path)[0] == 200
        assert nginx("GET", "/healthy", X_Forwarded_For="203.0.113.9")[0] == 200

    def test_requests_in_progress_of_one_address_are_limited(self, start: Start, gateway: Gateway) -> None:
        nginx = start(requests_per_address=2, trusted_proxies="127.0.0.1")
        waiting = [threading.Thread(target=nginx, args=("GET", "/silent")) for _ in range(2)]
        for thread in waiting:
            thread.start()
        assert eventually(lambda: gateway.requests.count("GET /silent") == 2)

        reply = nginx("GET", "/x")

        assert refusal(reply) == (429, "RATE_LIMITED")
        assert reply[1]["Retry-After"] == "1"
        assert nginx("GET", "/x", X_Forwarded_For="203.0.113.9")[0] == 200
        gateway.server_close()  # the waiting requests are not sent again
        gateway.go_on.set()
        for thread in waiting:
            thread.join(30)

    @pytest.mark.parametrize(
        ("other", "status"), [("2001:db8::ffff:0:1", 429), ("2001:db8:0:0:9::", 429), ("2001:db8:0:1::1", 200)]
    )
    def test_one_ipv6_network_is_one_client(self, start: Start, gateway: Gateway, other: str, status: int) -> None:
        nginx = start(requests_per_address=1, trusted_proxies="127.0.0.1", gateway_seconds=5)
        waiting = threading.Thread(target=lambda: nginx("GET", "/silent", X_Forwarded_For="2001:db8::1"))
        waiting.start()
        assert eventually(lambda: gateway.requests == ["GET /silent"])

        assert nginx("GET", "/x", X_Forwarded_For=other)[0] == status
        gateway.go_on.set()
        waiting.join(30)


class TestRequests:
    def test_request_id_is_the_clients_or_a_new_one(self, start: Start) -> None:
        nginx = start()

        own, new = nginx("GET", "/x", X_Request_Id="trace-42"), nginx("GET", "/x", X_Request_Id="two words")

        assert (seen(own, "X-Request-Id"), own[1].get_all("X-Request-Id")) == ("trace-42", ["trace-42"])
        assert seen(new, "X-Request-Id") == new[1]["X-Request-Id"] != "two words"
        assert nginx("TRACE", "/x", X_Request_Id="trace-43")[1].get_all("X-Request-Id") == ["trace-43"]

    def test_bodies_have_a_limit_and_uploads_a_larger_one(self, start: Start) -> None:
        nginx = start(max_body_bytes=2048, file_max_bytes=4096)

        assert nginx("POST", "/api/v1/cart", b"x" * 2048)[2]["bytes"] == 2048
        assert refusal(nginx("POST", "/api/v1/cart", b"x" * 2049)) == (413, "PAYLOAD_TOO_LARGE")
        assert nginx("POST", "/api/v1/files", b"x" * UPLOAD_LIMIT)[2]["bytes"] == UPLOAD_LIMIT
        assert refusal(nginx("POST", "/api/v1/files/", b"x" * (UPLOAD_LIMIT + 1))) == (413, "PAYLOAD_TOO_LARGE")

    def test_malformed_requests_are_refused_in_our_form(self, start: Start) -> None:
        nginx = start(max_header_bytes=4096)

        assert refusal(nginx("GET", "/x", X_Long="x" * 5000)) == (400, "BAD_REQUEST")
        assert refusal(nginx("GET", "/" + "x" * 5000)) == (400, "BAD_REQUEST")
        assert refusal(nginx("GET", "/x%00")) == (400, "BAD_REQUEST")
        assert refusal(nginx("TRACE", "/x")) == (405, "METHOD_NOT_ALLOWED")
        assert refusal(nginx("GET", "/_nginx/413")) == (404, "NOT_FOUND")

    def test_header_names_with_underscores_are_dropped(self, start: Start) -> None:
        nginx = start()
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as connection:
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: shop\r\nX_Cart_Id: other\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))

        assert b"HTTP/1.1 200" in answer
        assert b"X_Cart_Id" not in answer

    def test_websocket_upgrade_reaches_graphql_alone(self, start: Start, sockets: Gateway, gateway: Gateway) -> None:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        nginx = start(gateway_ws_address=f"127.0.0.1:{sockets.port}")

        upgraded, plain = nginx("GET", "/graphql", **upgrade), nginx("GET", "/graphql")
        assert seen(upgraded, "Upgrade") == "websocket"
        assert seen(plain, "Upgrade") is None
        assert seen(nginx("GET", "/x", **upgrade), "Upgrade") is None
        assert sockets.requests == ["GET /graphql"]
        assert [request for request in gateway.requests if request != "GET /"][-2:] == ["GET /graphql", "GET /x"]


class TestReplies:
    def test_json_is_compressed_for_those_who_accept_it(self, start: Start) -> None:
        nginx = start()

        compressed, plain = nginx("GET", "/x", Accept_Encoding="gzip"), nginx("GET", "/x")

        assert (compressed[1]["Content-Encoding"], compressed[1]["ETag"]) == ("gzip", 'W/"7-abc"')
        assert (plain[1]["Content-Encoding"], plain[1]["ETag"]) == (None, '"7-abc"')
        assert plain[1]["Vary"] == "Accept-Encoding"

    def test_event_streams_are_not_buffered(self, start: Start) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", start().port, timeout=30)
        connection.request("GET", "/stream")

        assert connection.getresponse().read(14) == b"event: first\n\n"
        connection.close()

    def test_tls_has_a_certificate_of_the_authority_and_http_2(self, start: Start) -> None:
        nginx = start()
        context = ssl.create_default_context(cafile=str(nginx.authority.cert))
        context.set_alpn_protocols(["h2", "http/1.1"])

        plain = socket.create_connection(("localhost", nginx.tls_port), timeout=30)
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            protocol = secured.selected_alpn_protocol()
        over_tls = nginx("GET", "/x", tls=True)

        assert protocol == "h2"
        assert seen(over_tls, "X-Forwarded-Proto") == "https"
        assert over_tls[1]["Strict-Transport-Security"] == "max-age=31536000"
        assert "Strict-Transport-Security" not in nginx("GET", "/x")[1]


class TestGatewayAway:
    def test_refused_connection_is_unavailable(self, start: Start, gateway: Gateway) -> None:
        nginx = start()
        gateway.shutdown()
        gateway.server_close()

        for method in ("GET", "POST"):
            reply = nginx(method, "/x")
            assert refusal(reply) == (503, "SERVICE_UNAVAILABLE")
            assert reply[1]["Retry-After"] == "2"

    def test_silent_gateway_is_a_missed_deadline(self, start: Start) -> None:
        reply = start(gateway_seconds=1)("GET", "/silent")

        assert refusal(reply) == (504, "DEADLINE_EXCEEDED")
        assert reply[1]["Retry-After"] == "2"

    def test_read_on_a_broken_connection_is_sent_again(self, start: Start, gateway: Gateway) -> None:
        nginx = start()
        nginx("GET", "/x")  # leaves a connection that is kept

        assert nginx("GET", "/breaks")[0] == 200
        assert gateway.requests == ["GET /x", "GET /breaks", "GET /breaks"]

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
    def test_change_is_sent_once(self, start: Start, gateway: Gateway, method: str) -> None:
        nginx = start()
        nginx("GET", "/x")

        assert refusal(nginx(method, "/breaks")) == (503, "SERVICE_UNAVAILABLE")
        assert gateway.requests == ["GET /x", f"{method} /breaks"]

    def test_change_does_not_use_a_kept_connection(self, start: Start) -> None:
        nginx = start()
        nginx("GET", "/x")

        assert seen(nginx("POST", "/x"), "Connection") == "close"
        assert seen(nginx("GET", "/x"), "Connection") is None
