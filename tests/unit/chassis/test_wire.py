"""The publisher detects that the broker has closed its connection, with and without TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.chassis.common.errors import ServiceUnavailable
from services.chassis.messaging.transport import Publisher

SocketPair = tuple[socket.socket, socket.socket]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    path = tmp_path_factory.mktemp("tls") / "broker.pem"
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private_key + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["in the clear", "through TLS"])
def sockets(request: pytest.FixtureRequest, certificate: Path) -> Iterator[SocketPair]:
    """(client socket, broker socket) of one connection."""
    client_socket, broker_socket = socket.socketpair()
    if request.param == "through TLS":
        server_context, client_context = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        server_context.load_cert_chain(certificate)
        server_context.num_tickets = 0
        client_context.check_hostname, client_context.verify_mode = False, ssl.CERT_NONE
        broker_socket = server_context.wrap_socket(broker_socket, server_side=True, do_handshake_on_connect=False)
        handshake = threading.Thread(target=broker_socket.do_handshake)
        handshake.start()
        client_socket = client_context.wrap_socket(client_socket)
        handshake.join()
    yield client_socket, broker_socket
    client_socket.close()
    broker_socket.close()


def reads_before_write(sock: socket.socket) -> list[str]:
    """The reads of the publisher when it checks its connection before writing."""
    read: list[str] = []
    connection: Any = SimpleNamespace(
        transport=SimpleNamespace(sock=sock), blocking_read=lambda timeout: read.append(f"within {timeout} s")
    )
    Publisher._read(connection)
    return read


def test_idle_connection_is_not_read(sockets: SocketPair) -> None:
    assert reads_before_write(sockets[0]) == []


def test_pending_frame_is_read(sockets: SocketPair) -> None:
    sockets[1].sendall(b"a frame")

    assert reads_before_write(sockets[0]) == ["within 0.05 s"]


def test_closed_connection_is_detected_before_writing(sockets: SocketPair) -> None:
    raw = sockets[1].detach()
    socket.socket(fileno=raw).close()

    with pytest.raises(ConnectionResetError):
        reads_before_write(sockets[0])


def test_publisher_without_broker_is_unavailable() -> None:
    publisher = Publisher("amqp://guest@127.0.0.1:9//")

    with pytest.raises(ServiceUnavailable):
        publisher.publish(b"{}", exchange="nameko-rpc", routing_key="orders.get")
    publisher.close()
