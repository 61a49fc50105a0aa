"""The environment of an instance's processes, and the servers and settings that `up` takes from its caller's."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ultramarket.server_urls import URL_SETTINGS
from ultramarket.up_settings import SETTINGS_OF_UP, UnknownValue

if TYPE_CHECKING:
    from ultramarket.instance import Instance

ADMIN_EMAIL: Final = "admin@ultramarket.example"
PRINTED: Final = (
    "ULTRAMARKET_URL",
    "ULTRAMARKET_TLS_URL",
    "ULTRAMARKET_CA_FILE",
    "ULTRAMARKET_ADMIN_EMAIL",
    "ULTRAMARKET_ADMIN_PASSWORD",
    "ULTRAMARKET_AMQP_URL",
    "ULTRAMARKET_POSTGRES_URL",
    "ULTRAMARKET_MONGO_URL",
    "ULTRAMARKET_REDIS_URL",
    "ULTRAMARKET_KAFKA_BOOTSTRAP",
    "ULTRAMARKET_KAFKA_URL",
    "ULTRAMARKET_ELASTICSEARCH_URL",
    "ULTRAMARKET_SMTP_URL",
)
"""What `ultramarket env` prints (DESIGN.md §7)."""

LOCAL_DEFAULTS: Final = {"ULTRAMARKET_LOGIN_FAILURES_BY_ADDRESS": "10000"}
"""Settings of instances on one machine, where all clients have one address."""

COMPUTED: Final = {
    *PRINTED,
    "ULTRAMARKET_INSTANCE",
    "ULTRAMARKET_HOME",
    "ULTRAMARKET_PORT_BASE",
    "ULTRAMARKET_JWT_PRIVATE_KEY_FILE",
    "ULTRAMARKET_SECRET_KEY",
    "ULTRAMARKET_ENCRYPTION_KEYS_FILE",
}


def of_processes(instance: "Instance", checkout: Path) -> dict[str, str]:
    """Environment variables of every process of ours."""
    settings = {name: value for name, value in instance.settings.items() if name not in SETTINGS_OF_UP}
    defaults = LOCAL_DEFAULTS | {
        "ULTRAMARKET_FILE_FOLDER": str(instance.folder / "files"),
        "ULTRAMARKET_SHOP_URL": instance.gateway_url,
    }
    env = defaults | settings
    env.update({setting: instance.url(server) for server, setting in URL_SETTINGS.items()})
    env.update(
        ULTRAMARKET_INSTANCE=instance.name,
        ULTRAMARKET_HOME=str(instance.folder),
        ULTRAMARKET_PORT_BASE=str(instance.block.base),
        ULTRAMARKET_URL=instance.gateway_url,
        ULTRAMARKET_TLS_URL=instance.tls_url,
        ULTRAMARKET_CA_FILE=str(instance.ca_file),
        ULTRAMARKET_ADMIN_EMAIL=ADMIN_EMAIL,
        ULTRAMARKET_ADMIN_PASSWORD=instance.secrets["admin_password"],
        ULTRAMARKET_JWT_PRIVATE_KEY_FILE=str(instance.jwt_keys),
        ULTRAMARKET_SECRET_KEY=instance.secrets["secret_key"],
        ULTRAMARKET_ENCRYPTION_KEYS_FILE=str(instance.encryption_keys),
    )
    if env.get("ULTRAMARKET_COVERAGE") == "1":
        env.update(COVERAGE_FOLDER=str(checkout / ".coverage"), PYTHONPATH=str(checkout / "tests" / "coverage_hook"))
    return env


def take_over(instance: "Instance", environment: Mapping[str, str], instances: Iterable["Instance"]) -> None:
    """Take over servers and settings from the caller's environment; an empty value removes one again.

    URLs of `instances`, those of this checkout, are ignored: they come from `ultramarket env`.
    Raises `UnknownValue`.
    """
    for setting, values in SETTINGS_OF_UP.items():
        if (value := environment.get(setting)) and value not in values:
            raise UnknownValue(setting, value)
    ours = {address for other in instances for address in _local_addresses(other)}
    for server, setting in URL_SETTINGS.items():
        value = environment.get(setting)
        if value is None or (value and _address(value) in ours):
            continue
        instance.external.pop(server, None)
        if value:
            instance.external[server] = value
    for name, value in environment.items():
        if name.startswith("ULTRAMARKET_") and name not in COMPUTED:
            instance.settings.pop(name, None)
            if value:
                instance.settings[name] = value


def _local_addresses(instance: "Instance") -> list[tuple[str, int]]:
    return [("127.0.0.1", instance.block.servers[server]) for server in URL_SETTINGS]


def _address(url: str) -> tuple[str | None, int | None]:
    """Host and port: a URL that was exported before its password changed is the same server."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        return parts.hostname, parts.port
    except ValueError:
        return None, None
