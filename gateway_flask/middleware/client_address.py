"""The client's address: what nginx says, where nginx is the one that connects.

nginx replaces `X-Forwarded-For` by the one address that it determined (`ULTRAMARKET_TRUSTED_PROXIES`), so a client
can't choose its own. From everyone else the header is ignored.
"""

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ClientAddress:
    """A WSGI application that finds the client's address in `REMOTE_ADDR`, and its scheme in `wsgi.url_scheme`."""

    def __init__(self, wsgi: Wsgi, proxies: str) -> None:
        self._wsgi = wsgi
        self._is_proxy = proxy_check(proxies)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        if forwarded and self._is_proxy(environ.get("REMOTE_ADDR", "")):
            address = forwarded.rpartition(",")[2].strip()
            if _is_address(address):
                environ["REMOTE_ADDR"] = address
            if (scheme := environ.get("HTTP_X_FORWARDED_PROTO")) in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        return self._wsgi(environ, start_response)


def proxy_check(proxies: str) -> Callable[[str], bool]:
    """Whether an address is one of these, or in one of these networks."""
    networks = [ipaddress.ip_network(part.strip(), strict=False) for part in proxies.split(",") if part.strip()]

    @lru_cache(maxsize=1024)
    def is_proxy(address: str) -> bool:
        parsed = parse(address)
        return parsed is not None and any(parsed in network for network in networks)

    return is_proxy


def parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; an IPv4 one that is written as IPv6 (`::ffff:…`) as what it is. None for anything else."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


@lru_cache(maxsize=4096)
def _is_address(address: str) -> bool:
    return parse(address) is not None


@lru_cache(maxsize=16_384)
def network_of(address: str) -> str:
    """The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address (RFC 6177)."""
    parsed = parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed is not None else "unknown"
