"""Accounts of RabbitMQ as a definitions file: https://www.rabbitmq.com/docs/definitions.

Permissions are patterns of the names of queues and exchanges (https://www.rabbitmq.com/docs/access-control): a service
consumes its own queues, publishes its own events, calls others, and can read every event.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from ultramarket.credentials import ACCOUNTS, OPERATOR, password, user

VHOST: Final = "ultramarket"
COMMON: Final = (r"delay\..+", "nameko-rpc", r"amq\.gen-.*", r"rpc\.reply-client-.+")
"""Delay queues are shared. Queues with a name of the server, and reply queues of clients, are exclusive."""
PUBLISHED_TO: Final = r"evt-(bridge|audit)"
"""Queues of the consumers of all events: each publisher declares and binds them."""


def definitions(secret: Mapping[str, str]) -> str:
    services = ACCOUNTS["rabbitmq"]
    users = [_user(secret, None, ["administrator"]), *(_user(secret, service, []) for service in services)]
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    permissions = [
        {"user": OPERATOR, "vhost": VHOST, **everything},
        *({"user": user(service), "vhost": VHOST, **permissions_of(service)} for service in services),
    ]
    return json.dumps({"vhosts": [{"name": VHOST}], "users": users, "permissions": permissions}, indent=1)


def permissions_of(service: str) -> dict[str, str]:
    """The patterns of what a service may declare, publish or bind to, and consume or bind from."""
    own = (f"rpc-{service}", rf"rpc\.reply-{service}-.+", rf"evt-{service}(\.stream|\.dead)?", *COMMON)
    return {
        "configure": _pattern(*own, rf"{PUBLISHED_TO}(\.dead)?", r"[a-z]+\.events"),
        "write": _pattern(*own, PUBLISHED_TO, r"amq\.default", rf"({service}|audit|privacy)\.events"),
        "read": _pattern(*own, r"[a-z]+\.events"),
    }


def _pattern(*names: str) -> str:
    return f"^({'|'.join(names)})$"


def _user(secret: Mapping[str, str], service: str | None, tags: list[str]) -> dict[str, Any]:
    name = user(service)
    return {
        "name": name,
        "password_hash": password_hash(name, password("rabbitmq", secret, service)),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": tags,
    }


def password_hash(name: str, secret: str) -> str:
    """RabbitMQ's salted hash. The salt is derived, so that the same password gives the same file."""
    salt = hashlib.sha256(f"{name}\n{secret}".encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + secret.encode()).digest()).decode()
