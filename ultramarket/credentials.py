"""Accounts on an instance's servers: the operator's, and one for each service on each server that it uses."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Final

from services.chassis.runtime.registry import ANALYTICS_CONSUMER, BRIDGE, GATEWAY, GATEWAY_WS, SERVICES, stores_of

OPERATOR: Final = "ultramarket"
"""The account of `up`, migrations, the command line and `ultramarket env`; it may do everything."""
_STORES: Final = {
    "postgres": "postgres",
    "redis": "redis",
    "mongodb": "mongo",
    "kafka_sasl": "kafka",
    "elasticsearch": "elasticsearch",
}
PROCESSES: Final = (*SERVICES, GATEWAY, GATEWAY_WS, BRIDGE, ANALYTICS_CONSUMER)


def _accounts() -> dict[str, tuple[str, ...]]:
    accounts = {
        server: tuple(name for name in PROCESSES if store in stores_of(name)) for server, store in _STORES.items()
    }
    return accounts | {"rabbitmq": tuple(name for name in PROCESSES if name != ANALYTICS_CONSUMER)}


ACCOUNTS: Final = _accounts()
"""The services that have an account, by server."""


def user(service: str | None) -> str:
    """The name of a service's account, or of the operator's: the same on all servers."""
    return f"{OPERATOR}_{service.replace('-', '_')}" if service else OPERATOR


def secret_name(server: str, service: str | None = None) -> str:
    """Where the password is in the instance's secrets."""
    return f"{server}_password" + (f"_{service}" if service else "")


def password(server: str, secret: Mapping[str, str], service: str | None = None) -> str:
    return secret[secret_name(server, service)]


def with_missing_passwords(secret: Mapping[str, str]) -> dict[str, str]:
    """The secrets with a new random password for each account that has none."""
    names = [secret_name(server, service) for server, services in ACCOUNTS.items() for service in (None, *services)]
    return {**dict.fromkeys(names, ""), **secret} | {
        name: secrets.token_urlsafe(18) for name in names if not secret.get(name)
    }


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
