"""Files that docker-compose.yml mounts: `python -m ultramarket.compose_secrets FOLDER` creates them.

`passwords.json` is created once; the other files follow from it, so a second run changes no password:

* `processes/NAME/`: settings of one process, read by `ULTRAMARKET_SECRETS`: the URLs of its own accounts.
* `servers/NAME/`: the accounts of a server.
* `admin_password`: the first administrator's.
"""

import base64
import json
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import bcrypt

from ultramarket.credentials import ACCOUNTS, PROCESSES, password, user, with_missing_passwords
from ultramarket.keys import new_secrets, write_private
from ultramarket.server_urls import URL_SETTINGS, url_of
from ultramarket.servers.elasticsearch import INDEX_PREFIX
from ultramarket.servers.kafka_accounts import access_config
from ultramarket.servers.rabbitmq_accounts import definitions
from ultramarket.servers.redis_accounts import access_list
from ultramarket.service_environment import own_setting

ADDRESSES: Final = {
    "postgres": "postgres:5432",
    "redis": "redis:6379",
    "rabbitmq": "rabbitmq:5672",
    "mongodb": "mongodb:27017",
    "kafka_sasl": "kafka:9092",
    "elasticsearch": "elasticsearch:9200",
}
"""Of the servers in the containers' network."""
MIGRATE: Final = "migrate"
ADMINISTRATOR: Final = "administrator"
RABBITMQ: Final = "load_definitions = /run/secrets/definitions.json\n"
KAFKA: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@kafka:9093
listeners=SASL://:9092,CONTROLLER://:9093,HOST://:3056
advertised.listeners=SASL://kafka:9092,HOST://127.0.0.1:3056
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL
listener.security.protocol.map=SASL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,HOST:PLAINTEXT
log.dirs=/var/lib/kafka/data
num.partitions=6
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""
"""HOST: for tools on this machine, without an account; they may read, as on a local instance."""
ELASTICSEARCH_ROLE: Final = """\
{role}:
  cluster: [monitor]
  indices:
    - names: ["{prefix}*"]
      privileges: [all]
"""


def create(folder: Path) -> dict[str, str]:
    """Create the files; returns the passwords."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = _passwords(folder)
    write_private(folder / "admin_password", secret["admin_password"])
    for name in PROCESSES:
        _write(folder / "processes" / name, {"ultramarket_secret_key": secret["secret_key"]} | _own_urls(secret, name))
    _write(folder / "processes" / MIGRATE, _common_urls(secret) | _all_own_urls(secret))
    administrator = _common_urls({}) | {URL_SETTINGS["rabbitmq"].lower(): _url("rabbitmq", secret)}
    administrator["ultramarket_admin_password"] = secret["admin_password"]
    _write(folder / "processes" / ADMINISTRATOR, administrator)
    for server, files in _servers(secret).items():
        _write(folder / "servers" / server, files)
    return secret


def _passwords(folder: Path) -> dict[str, str]:
    path = folder / "passwords.json"
    saved = json.loads(path.read_text()) if path.exists() else {}
    fresh = new_secrets() | {
        "mongodb_key": base64.b64encode(secrets.token_bytes(96)).decode(),
        # Of hashes in a file that has to stay the same; the passwords are random.
        "bcrypt_salt": bcrypt.gensalt(prefix=b"2a").decode(),
    }
    secret = with_missing_passwords(fresh | saved)
    if secret != saved:
        write_private(path, json.dumps(secret, indent=1))
    return secret


def _servers(secret: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The files of each server, by name."""
    return {
        "postgres": {"password": password("postgres", secret)},
        "redis": {"users.acl": access_list(secret), "password": password("redis", secret)},
        "rabbitmq": {"definitions.json": definitions(secret), "rabbitmq.conf": RABBITMQ},
        "mongodb": {"password": password("mongodb", secret), "key": secret["mongodb_key"]},
        "kafka": {"server.properties": KAFKA + access_config(secret)},
        "elasticsearch": _elasticsearch(secret),
    }


def _elasticsearch(secret: Mapping[str, str]) -> dict[str, str]:
    """Accounts of the file realm: users, their roles, and what a role may do."""
    services = ACCOUNTS["elasticsearch"]
    salt = secret["bcrypt_salt"].encode()
    hashed = {
        user(service): bcrypt.hashpw(password("elasticsearch", secret, service).encode(), salt).decode()
        for service in (None, *services)
    }
    roles = {
        user(service): ELASTICSEARCH_ROLE.format(role=user(service), prefix=INDEX_PREFIX + service)
        for service in services
    }
    memberships = [f"superuser:{user(None)}", *(f"{name}:{name}" for name in roles)]
    return {
        "users": "".join(f"{name}:{word}\n" for name, word in hashed.items()),
        "users_roles": "".join(f"{line}\n" for line in memberships),
        "roles.yml": "".join(roles.values()),
        "password": password("elasticsearch", secret),
    }


def _url(server: str, secret: Mapping[str, str], service: str | None = None) -> str:
    return url_of(server, ADDRESSES[server], secret, service)


def _own_urls(secret: Mapping[str, str], service: str) -> dict[str, str]:
    return {
        own_setting(server, service).lower(): _url(server, secret, service)
        for server, services in ACCOUNTS.items()
        if service in services
    }


def _all_own_urls(secret: Mapping[str, str]) -> dict[str, str]:
    urls: dict[str, str] = {}
    for name in PROCESSES:
        urls |= _own_urls(secret, name)
    return urls


def _common_urls(secret: Mapping[str, str]) -> dict[str, str]:
    """The URLs that are not one service's: with the operator's accounts, or without any."""
    return {URL_SETTINGS[server].lower(): _url(server, secret) for server in ADDRESSES}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files for the containers' users, who are not their owner: the folder above keeps others out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        path.chmod(0o644)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m ultramarket.compose_secrets FOLDER\n")
        raise SystemExit(64)
    create(Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}/ is complete; the administrator's password is in {sys.argv[1]}/admin_password\n")
