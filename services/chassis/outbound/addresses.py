"""Which network addresses a request to a URL from outside may go to.

Refused are all that the public internet does not route (RFC 6890), and those with another address inside them, such as
IPv4-mapped IPv6, NAT64 and 6to4: what they lead to depends on the network. Python's own list depends on its version.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""Resolves a host to addresses. Raises `OSError`."""

REFUSED_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # Azure's platform, on every virtual machine there
        "192.0.0.0/24",  # protocols (RFC 6890); 192.0.0.192 is the metadata service of Oracle's cloud
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a local network
        "100::/64",  # discarded
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation (RFC 9637)
        "fec0::/10",  # site-local
    )
)
DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class OutboundRefused(ValueError):
    """The URL leads to an address, a port or a scheme that requests must not go to."""


@dataclass(frozen=True)
class OutboundPolicy:
    """The addresses, ports and schemes that requests may go to."""

    allowed_networks: tuple[Network, ...] = field(default=())
    """Networks that are allowed although they are not public: those of a private installation, or of tests."""
    ports: frozenset[int] = frozenset({443})
    plain_http: bool = False

    def check_url(self, url: str) -> SplitResult:
        """Check scheme, host and port of a URL, and its address if the host is one. Raises `OutboundRefused`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as malformed:
            raise OutboundRefused("is not a URL") from malformed
        if parts.scheme not in (("https", "http") if self.plain_http else ("https",)):
            raise OutboundRefused("must begin with https://")
        if not parts.hostname or "@" in parts.netloc or not url.isprintable() or any(char in url for char in " \\"):
            raise OutboundRefused("must name a host, without a user or a password")
        self.check_port(port if port is not None else DEFAULT_PORTS[parts.scheme])
        address = literal_address(parts.hostname)
        if address is not None:
            self.check_address(address)
        return parts

    def check_port(self, port: int) -> None:
        """Raises `OutboundRefused` for a port that requests must not go to."""
        if port not in self.ports and not (self.plain_http and port == DEFAULT_PORTS["http"]):
            raise OutboundRefused(f"must not name the port {port}")

    def check_address(self, address: Address) -> None:
        """Raises `OutboundRefused` for an address that is not public, unless its network is allowed."""
        if any(address in network for network in self.allowed_networks):
            return
        is_special = (
            not address.is_global
            or address.is_multicast
            or address.is_reserved
            or address.is_private
            or any(address in network for network in REFUSED_NETWORKS)
        )
        if is_special:
            raise OutboundRefused("must lead to a public address")

    def addresses_of(self, host: str, port: int, resolve: Resolver) -> list[str]:
        """Resolve a host, once, to addresses that requests may go to.

        Raises `OutboundRefused` if any of its addresses is not allowed, `OSError` if it has none.
        """
        self.check_port(port)
        literal = literal_address(host)
        addresses = [str(literal)] if literal is not None else list(dict.fromkeys(resolve(host, port)))
        for address in addresses:
            self.check_address(ipaddress.ip_address(address.partition("%")[0]))
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses


def literal_address(host: str) -> Address | None:
    """The address that a host is, in any notation that systems accept: 127.1, 0x7f000001, 017700000001, [::1].

    None for a name. Raises `OutboundRefused` for a number that is no address.
    """
    text = host.rstrip(".").strip("[]")
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        last_label = text.rpartition(".")[2].lower()
    if not (last_label.isdecimal() or last_label.startswith("0x")):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError) as malformed:
        raise OutboundRefused("must name a host") from malformed
