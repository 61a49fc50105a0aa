"""Addresses of an instance's servers, and the settings that carry them."""

from collections.abc import Mapping
from typing import Final

from ultramarket.credentials import password, secret_name, user
from ultramarket.ports import Block

KAFKA_LISTENERS: Final = ("kafka", "kafka_sasl")
"""One server: its listener for anybody on this machine, who may only read, and the one for accounts."""
URL_SETTINGS: Final[dict[str, str]] = {
    "postgres": "ULTRAMARKET_POSTGRES_URL",
    "redis": "ULTRAMARKET_REDIS_URL",
    "rabbitmq": "ULTRAMARKET_AMQP_URL",
    "mongodb": "ULTRAMARKET_MONGO_URL",
    "kafka": "ULTRAMARKET_KAFKA_BOOTSTRAP",
    "kafka_sasl": "ULTRAMARKET_KAFKA_URL",
    "elasticsearch": "ULTRAMARKET_ELASTICSEARCH_URL",
    "mail": "ULTRAMARKET_SMTP_URL",
}
_URLS: Final[dict[str, str]] = {
    "postgres": "postgresql://{address}/ultramarket",
    "redis": "redis://{address}/0",
    "rabbitmq": "amqp://{address}/ultramarket",
    "mongodb": "mongodb://{address}/?replicaSet=rs0&w=majority",
    "kafka": "{address}",
    "kafka_sasl": "kafka://{address}/",
    "elasticsearch": "http://{address}",
    "mail": "smtp://{address}",
    "nginx": "http://{address}",
}


def local_url(server: str, block: Block, secret: Mapping[str, str], service: str | None = None) -> str:
    """The URL of an instance's own server. See `url_of`."""
    return url_of(server, f"127.0.0.1:{block.servers[server]}", secret, service)


def url_of(server: str, address: str, secret: Mapping[str, str], service: str | None = None) -> str:
    """The URL with the account of a service, or of the operator. Passwords need no quoting: they are URL-safe.

    Without an account where there is no password yet: `up` of an earlier version made the instance.
    """
    if secret.get(secret_name(server, service)):
        address = f"{user(service)}:{password(server, secret, service)}@{address}"
    return _URLS[server].format(address=address)
