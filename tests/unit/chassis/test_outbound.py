"""Requests to URLs from outside: to public addresses only, resolved once, without redirects, bounded."""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.chassis.outbound.addresses import OutboundPolicy, OutboundRefused, literal_address
from services.chassis.outbound.guarded_http import GuardedSession, Limits, ResponseTooLarge, check_destination

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Server:
    """An HTTP server on the loopback address that records the paths requested."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            timeout: ClassVar[float] = 5

            def do_GET(self) -> None:
                server.paths.append(self.path)
                getattr(self, f"reply_{self.path.strip('/')}", self.reply_ok)()

            def reply_ok(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def reply_redirect(self) -> None:
                self.send_response(302)
                self.send_header("Location", "/secret")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def reply_large(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"x" * 100_000)

            def reply_slow(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"x")
                server.released.wait(20)

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._http.server_address[1])
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def use_tls(self, folder: Path) -> str:
        """Speak TLS as shop.example; returns the file with its certificate."""
        path = folder / "shop.example.pem"
        path.write_bytes(certificate_of("shop.example"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        return str(path)

    def session(self, resolver: Any = None, **limits: Any) -> GuardedSession:
        """A session that may reach this server, and no other address that is not public."""
        policy = OutboundPolicy(LOOPBACK, frozenset({self.port}), plain_http=True)
        return GuardedSession(policy, Limits(**limits), resolver or (lambda host, port: ["127.0.0.1"]))

    def url(self, path: str, host: str = "shop.example") -> str:
        return f"http://{host}:{self.port}/{path}"

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()


def certificate_of(host: str) -> bytes:
    """A self-signed certificate with its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
        "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "2852039166", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "203.0.113.9", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fc00::1]",
        "[fd12::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "256.1.1.1", "0x7f.0x100000000",
        "１２７.０.０.１", "192.0.0.8", "192.0.0.192", "168.63.129.16", "[3fff::1]", "[5f00::1]", "[2001:20::1]",
    ],
)  # fmt: skip
def test_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(OutboundRefused):
        check_destination(f"https://{host}/", OutboundPolicy(), lambda *_: pytest.fail("is no name"))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "//shop.example",
        "https:///path", "https://", "https://user@shop.example/", "https://shop.example:22/", "https://a.example:0/",
        "https://a.example:99999/", "https://a.example\\@127.0.0.1/", "https://a.example /", "https://a.example/\n",
    ],
)  # fmt: skip
def test_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(OutboundRefused):
        check_destination(url, OutboundPolicy(), lambda *_: ["93.184.215.14"])


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["2606:2800:21f::1", "::ffff:10.0.0.1"], ["fe80::1%2"]]
)
def test_name_of_an_inner_address_is_refused(addresses: list[str]) -> None:
    with pytest.raises(OutboundRefused):
        check_destination("https://inner.example/", OutboundPolicy(), lambda *_: addresses)


def test_public_destination_passes() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port}")

    check_destination("https://93.184.215.14/", OutboundPolicy(), unknown)
    check_destination("https://[2606:2800:21f::1]:443/x?y=z", OutboundPolicy(), unknown)
    check_destination("https://push.example.com/1", OutboundPolicy(), lambda *_: ["93.184.215.14"])
    check_destination("https://not-known-today.example/1", OutboundPolicy(), unknown)
    assert literal_address("push.example.com") is None


def test_allowed_network_is_reached(server: Server) -> None:
    reply = server.session().get(server.url("ok"))

    assert (reply.status_code, reply.content, server.paths) == (200, b"ok", ["/ok"])


def test_connection_goes_to_the_address_that_was_checked(server: Server) -> None:
    replies = iter([["127.0.0.1"], ["10.0.0.1"]])

    reply = server.session(lambda *_: next(replies)).get(server.url("ok"))

    assert reply.status_code == 200
    assert next(replies) == ["10.0.0.1"], "the host was resolved once"


def test_name_rebound_after_it_was_stored_is_refused(server: Server) -> None:
    public, inner = (lambda *_: ["93.184.215.14"]), (lambda *_: ["127.0.0.1"])
    policy = OutboundPolicy(ports=frozenset({server.port}), plain_http=True)
    check_destination(server.url("ok"), policy, public)

    with pytest.raises(OutboundRefused):
        GuardedSession(policy, resolver=inner).get(server.url("ok"))

    assert server.paths == []


def test_redirect_is_not_followed(server: Server) -> None:
    reply = server.session().get(server.url("redirect"), allow_redirects=True)

    assert (reply.status_code, server.paths) == (302, ["/redirect"])


def test_proxy_of_the_environment_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    assert server.session().get(server.url("ok")).content == b"ok"


def test_reply_is_bounded_in_size(server: Server) -> None:
    with pytest.raises(ResponseTooLarge):
        server.session(reply_bytes=50_000).get(server.url("large"))


def test_whole_request_is_bounded_in_time(server: Server) -> None:
    with pytest.raises(requests.Timeout):
        server.session(seconds=0.3).get(server.url("slow"), timeout=60)


def test_pause_within_a_reply_is_a_timeout(server: Server) -> None:
    with pytest.raises(requests.Timeout):
        server.session(seconds=60).get(server.url("slow"), timeout=0.2)


def test_certificate_is_verified_for_the_name(server: Server, tmp_path: Path) -> None:
    session = server.session()
    session.verify = server.use_tls(tmp_path)

    reply = session.get(f"https://shop.example:{server.port}/ok")
    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"https://other.example:{server.port}/ok")

    assert reply.content == b"ok"


def test_session_works_under_monkey_patching(server: Server) -> None:
    script = f"""
import services.chassis.runtime.monkey_patch
from ipaddress import ip_network
from services.chassis.outbound.addresses import OutboundPolicy
from services.chassis.outbound.guarded_http import GuardedSession, Limits
policy = OutboundPolicy((ip_network("127.0.0.0/8"),), frozenset({{{server.port}}}), plain_http=True)
print(GuardedSession(policy).get("http://localhost:{server.port}/ok").text)
try:
    GuardedSession(policy, Limits(seconds=0.3)).get("http://127.0.0.1:{server.port}/slow")
except Exception as error:
    print(type(error).__name__)
"""

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["ok", "Timeout"]


def test_unreachable_host_is_a_request_error(server: Server) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port}")

    with pytest.raises(requests.ConnectionError):
        server.session(unknown).get(server.url("ok"))
