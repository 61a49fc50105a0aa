"""The certificate authority of an instance."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from ultramarket import certificates
from ultramarket.certificates import Authority, LeafFiles

HOSTS = ["localhost", "127.0.0.1"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls", "one")


def handshake(authority: Authority, files: LeafFiles, name: str) -> str | None:
    """The TLS version of a connection to a server with these files, whose client trusts the authority only."""
    server, client = socket.socketpair()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(files.cert, files.key)
    client_context = ssl.create_default_context(cafile=str(authority.cert))

    def serve() -> None:
        try:
            server_context.wrap_socket(server, server_side=True).close()
        except OSError:
            server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client, client_context.wrap_socket(client, server_hostname=name) as secured:
            return secured.version()
    finally:
        thread.join()


def serial(files: LeafFiles) -> int:
    return x509.load_pem_x509_certificate(files.cert.read_bytes()).serial_number


@pytest.mark.parametrize("host", HOSTS)
def test_client_that_trusts_the_authority_connects(authority: Authority, host: str) -> None:
    assert handshake(authority, authority.leaf("nginx", HOSTS), host) == "TLSv1.3"


def test_certificate_of_another_host_is_refused(authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, authority.leaf("nginx", HOSTS), "shop.example")


def test_private_keys_are_readable_by_the_owner_only(authority: Authority) -> None:
    leaf = authority.leaf("nginx", HOSTS)

    modes = {path.name: path.stat().st_mode & 0o777 for path in (leaf.key, authority.folder / "ca.key", leaf.cert)}

    assert modes == {"nginx.key": 0o600, "ca.key": 0o600, "nginx.crt": 0o644}


def test_certificate_is_kept_while_it_fits(authority: Authority) -> None:
    first = serial(authority.leaf("nginx", HOSTS))

    assert serial(Authority(authority.folder, "one").leaf("nginx", HOSTS)) == first
    assert serial(authority.leaf("nginx", [*HOSTS, "shop.example"])) != first


def test_certificate_is_renewed_before_it_expires(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LEAF_LIFETIME", dt.timedelta(days=29))
    first = serial(authority.leaf("nginx", HOSTS))
    monkeypatch.undo()

    renewed = authority.leaf("nginx", HOSTS)

    assert serial(renewed) != first
    assert serial(authority.leaf("nginx", HOSTS)) == serial(renewed)


def test_new_authority_signs_its_certificates_anew(authority: Authority) -> None:
    first = serial(authority.leaf("nginx", HOSTS))
    authority.cert.unlink()

    renewed = Authority(authority.folder, "one")

    assert serial(renewed.leaf("nginx", HOSTS)) != first
    assert handshake(renewed, renewed.leaf("nginx", HOSTS), "localhost") == "TLSv1.3"
