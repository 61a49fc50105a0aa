"""Certificate authority of an instance: it signs the certificates of its servers; clients trust its CA certificate.

Files in the instance's folder `tls/`: `ca.crt` and `ca.key`, `NAME.crt` and `NAME.key`. Keys have mode 0600.
"""

import ipaddress
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ultramarket.instance import Instance
from ultramarket.keys import write_private

CA_LIFETIME: Final = timedelta(days=3650)
LEAF_LIFETIME: Final = timedelta(days=397)
"""Longer ones are refused by browsers (CA/Browser Forum, Baseline Requirements 6.3.2)."""
RENEWED_BEFORE: Final = timedelta(days=30)
"""A certificate that expires sooner is made anew."""
CLOCK_SKEW: Final = timedelta(hours=1)
_making: Final = threading.Lock()
"""`up` prepares the servers concurrently; processes are kept apart by the lock of `up`."""


@dataclass(frozen=True)
class LeafFiles:
    """Paths of a server's certificate and private key, PEM."""

    cert: Path
    key: Path


class Authority:
    """The certificate authority in one folder; made at first use."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.cert = folder / "ca.crt"
        """The CA certificate, PEM; readable by all."""
        self._key_file = folder / "ca.key"
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder.chmod(0o711)  # servers that run as another user read their own files, but can't list the others
        if not (self._key_file.exists() and _is_current(self.cert)):
            self._make(name)
        self._key = _load_key(self._key_file)
        self._certificate = x509.load_pem_x509_certificate(self.cert.read_bytes())

    def leaf(self, name: str, hosts: Iterable[str]) -> LeafFiles:
        """Certificate and key of a server that answers under `hosts` (names and addresses); also usable by a client.

        An existing one is kept while it is valid for 30 days, was signed by this authority, and names the same hosts.
        """
        files = LeafFiles(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        names = [_general_name(host) for host in hosts]
        if files.key.exists() and _is_current(files.cert) and self._certifies(files.cert, names):
            return files
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._certificate.subject, key, LEAF_LIFETIME)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        _write(files.key, files.cert, key, certificate)
        return files

    def _make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"UltraMarket {name} local authority")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)  # signs certificates, CRLs
        certificate = (
            _builder(f"UltraMarket {name} local authority", subject, key, CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._key_file, self.cert, key, certificate)

    def _certifies(self, file: Path, names: list[x509.GeneralName]) -> bool:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return list(alternative) == names and identifier == ours


def ca(instance: Instance) -> Authority:
    """The authority of an instance, made at first use. May be called by several threads."""
    with _making:
        return Authority(instance.folder / "tls", instance.name)


def _builder(
    common_name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _is_current(file: Path) -> bool:
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return certificate.not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE


def _load_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{file} does not hold an elliptic curve key")
    return key


def _write(key_file: Path, cert_file: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    """The certificate last: where it exists, its key does as well."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    cert_file.unlink(missing_ok=True)
    write_private(key_file, pem.decode())
    write_private(cert_file, certificate.public_bytes(serialization.Encoding.PEM).decode())
    cert_file.chmod(0o644)
