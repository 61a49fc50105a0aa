"""The writing connection hears when the broker has closed it, in the clear and through TLS."""

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

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    path = tmp_path_factory.mktemp("tls") / "broker.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(params=["in the clear", "through TLS"])
def ends(request: pytest.FixtureRequest, certificate: Path) -> Iterator[Ends]:
    """Our end of a connection, and the broker's."""
    ours, brokers = socket.socketpair()
    if request.param == "through TLS":
        server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        server.load_cert_chain(certificate)
        server.num_tickets = 0
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        brokers = server.wrap_socket(brokers, server_side=True, do_handshake_on_connect=False)
        shaking = threading.Thread(target=brokers.do_handshake)
        shaking.start()
        ours = client.wrap_socket(ours)
        shaking.join()
    yield ours, brokers
    ours.close()
    brokers.close()


def hear(sock: socket.socket) -> list[str]:
    """What the publisher does when it looks at its connection before it writes."""
    read: list[str] = []
    connection: Any = SimpleNamespace(
        transport=SimpleNamespace(sock=sock), blocking_read=lambda timeout: read.append(f"within {timeout} s")
    )
    Publisher._read_close(connection)
    return read


def test_a_silent_broker_costs_nothing(ends: Ends) -> None:
    assert hear(ends[0]) == []


def test_what_the_broker_says_is_read(ends: Ends) -> None:
    ends[1].sendall(b"a frame")

    assert hear(ends[0]) == ["within 0.05 s"]


def test_closed_connection_is_detected_before_writing(ends: Ends) -> None:
    raw = ends[1].detach()
    socket.socket(fileno=raw).close()

    with pytest.raises(ConnectionResetError):
        hear(ends[0])


def test_a_publisher_without_a_broker_says_so() -> None:
    publisher = Publisher("amqp://guest@127.0.0.1:9//")

    with pytest.raises(ServiceUnavailable):
        publisher.publish(b"{}", exchange="nameko-rpc", routing_key="orders.get")
    publisher.close()
