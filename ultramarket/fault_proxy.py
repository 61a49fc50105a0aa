"""Addresses of the servers behind the fault proxy: a TCP proxy that delays, resets or silences connections."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ultramarket.instance import Instance
from ultramarket.server_urls import URL_SETTINGS

PROVIDER: Final = "provider"
"""The payment provider: the sandbox's bank, which is in PostgreSQL, and has a connection of its own to it."""
PROXIED: Final = ("postgres", "rabbitmq", "redis", "mongodb", "kafka", "elasticsearch", PROVIDER)
SETTINGS: Final = URL_SETTINGS | {PROVIDER: "ULTRAMARKET_SANDBOX_BANK_URL"}


def proxied_servers(instance: Instance) -> tuple[str, ...]:
    """The local servers that the services reach through the proxy: none in an instance without one."""
    if not instance.has_fault_proxy:
        return ()
    return tuple(name for name in PROXIED if not instance.is_external(_server_of(name)))


def upstream_port(instance: Instance, name: str) -> int:
    """The port that a proxy forwards to."""
    return instance.block.servers[_server_of(name)]


def proxied_port(instance: Instance, server: str) -> int:
    """The port of the proxy in front of a server."""
    return instance.block.servers[f"proxied_{server}"]


def proxy_of(server: str) -> str | None:
    """The name of the proxy in front of a server, or of a listener; Kafka's readers without an account have none."""
    return {"kafka": None, "kafka_sasl": "kafka"}.get(server, server)


def _server_of(name: str) -> str:
    return {PROVIDER: "postgres", "kafka": "kafka_sasl"}.get(name, name)


def proxied_url(instance: Instance, name: str, url: str) -> str:
    """The URL of a server with the address of its proxy."""
    server = _server_of(name)
    port, proxied = upstream_port(instance, name), proxied_port(instance, name)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if server == "mongodb":  # a client of a replica set connects to the address that its members know of each other
        query.pop("replicaSet", None)
        query["directConnection"] = "true"
    netloc = f"{parts.netloc.removesuffix(f':{port}')}:{proxied}"
    return parts._replace(netloc=netloc, query=urlencode(query)).geturl()
