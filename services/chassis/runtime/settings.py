"""Settings: read from the environment once, at start. A wrong or missing one names itself and nothing starts."""

import os
import sys
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

URL_FIELDS = ("amqp_url", "postgres_url", "mongo_url", "redis_url", "kafka_url", "elasticsearch_url")
"""Servers where each service may have an account of its own (see `load`)."""
S = TypeVar("S", bound="Settings")
SECRETS = "ULTRAMARKET_SECRETS"
"""Names a folder with files of settings: `ultramarket_secret_key`. The environment counts before a file."""


class Settings(BaseSettings):
    """Settings of every process. Services add their own in a subclass; the prefix is `ULTRAMARKET_`."""

    model_config = SettingsConfigDict(env_prefix="ULTRAMARKET_", extra="ignore", frozen=True)

    instance: str = Field("dev", description="name of the instance")
    port_base: int = Field(3000, ge=1, le=65_000, description="first port of the instance's block")
    bind_host: str = Field("127.0.0.1", description="address that health, metrics and the gateway listen on")

    amqp_url: str = Field(pattern=r"^amqps?://", description="RabbitMQ")
    postgres_url: str = Field(pattern=r"^postgres(ql)?://", description="PostgreSQL; each service has its own schema")
    mongo_url: str = Field(pattern=r"^mongodb(\+srv)?://", description="MongoDB replica set")
    redis_url: str = Field(pattern=r"^rediss?://", description="Redis")
    kafka_bootstrap: str = Field(min_length=3, description="Kafka brokers, host:port, comma-separated")
    kafka_url: str = Field(
        "",
        pattern=r"^(kafkas?://.+)?$",
        description="Kafka brokers with account and TLS, `kafka://USER:PASSWORD@HOST:PORT`; empty: `kafka_bootstrap`",
    )
    elasticsearch_url: str = Field("http://127.0.0.1:9200", pattern=r"^https?://", description="Elasticsearch")
    shop_url: str = Field(
        "http://127.0.0.1:3000",
        pattern=r"^https?://",
        description="base URL of the shop: of its pages and of the schemas that events name",
    )
    smtp_url: str = Field("smtp://127.0.0.1:1025", pattern=r"^smtps?://", description="server that mails are sent by")

    encryption_keys_file: Path | None = Field(None, description="key ring that stored secrets are encrypted with")

    workers: int = Field(24, ge=1, le=1000, description="requests and events that one service works on at once")
    rpc_deadline: float = Field(4.5, gt=0, le=60, description="default deadline of a call, in seconds")
    local_calls: bool = Field(
        False, description="whether calls between services of one process skip the broker; `up` sets it for `compact`"
    )
    bridge_queue_events: int = Field(
        200_000, ge=1, description="events in the bridge's queue from which on the services keep them in their stores"
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR")
    control_socket: str = Field("", description="Unix socket that services are stopped and started by; empty: none")
    otlp_endpoint: str = Field("", description="OpenTelemetry collector (OTLP over HTTP); empty: no traces are sent")
    check_replies: bool = Field(
        False, description="refuse RPC replies that differ from their declared type; for tests, as it costs CPU"
    )
    outbound_allowed_networks: str = Field(
        "", description="networks beside the public ones that URLs from outside may lead to, such as `10.1.0.0/16`"
    )
    outbound_ports: str = Field(
        "443", pattern=r"^\d{1,5}(,\d{1,5})*$", description="ports that URLs from outside may name, comma-separated"
    )
    outbound_plain_http: bool = Field(False, description="whether URLs from outside may be without TLS, at port 80")
    event_retry_seconds: tuple[Annotated[float, Field(ge=0.001, le=86_400)], ...] = Field(
        (1, 2, 5, 10, 30, 60, 300), description="delays before an event is tried again; then it is dead-lettered"
    )

    @field_validator("outbound_allowed_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        _networks(text)
        return text

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `outbound_allowed_networks`."""
        return _networks(self.outbound_allowed_networks)

    @property
    def allowed_ports(self) -> frozenset[int]:
        """The ports of `outbound_ports`."""
        return frozenset(int(port) for port in self.outbound_ports.split(","))


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network.strip()) for network in text.split(",") if network.strip())


def load(settings_class: type[S], service: str = "") -> S:
    """Read the settings or end the process (exit code 78, EX_CONFIG) with one line for each that is wrong.

    A server's URL with the service's own account counts before the common one: `ULTRAMARKET_POSTGRES_URL_ORDERS`.
    """
    own = own_urls(service) if service else {}
    try:
        return settings_class(_secrets_dir=os.environ.get(SECRETS) or None, **own)  # type: ignore[arg-type]
    except ValidationError as invalid:
        for error in invalid.errors():
            _refuse(str(error["loc"][0]), error["msg"])
    except SettingsError as unreadable:  # a list that is not JSON: pydantic names the field in its sentence only
        _refuse(str(unreadable).partition('field "')[2].partition('"')[0], "must be JSON, such as [1, 2, 5]")
    raise SystemExit(78)


@cache
def shop_url() -> str:
    """The base URL of the shop, without a slash at its end; for envelopes, which are made without settings."""
    url = _environment_or_file("ULTRAMARKET_SHOP_URL") or str(Settings.model_fields["shop_url"].default)
    return url.rstrip("/")


def url_setting(field: str, service: str) -> str:
    """The environment variable with a server's URL for one service."""
    return f"{Settings.model_config['env_prefix']}{field}_{service.replace('-', '_')}".upper()


def own_urls(service: str) -> dict[str, str]:
    """URLs of servers with the service's own accounts, by field: from the environment, or from files of secrets."""
    urls = {field: _environment_or_file(url_setting(field, service)) for field in URL_FIELDS}
    return {field: url for field, url in urls.items() if url}


def _environment_or_file(name: str) -> str:
    if value := os.environ.get(name):
        return value
    folder = os.environ.get(SECRETS)
    path = Path(folder, name.lower()) if folder else None
    return path.read_text().strip() if path and path.is_file() else ""


def _refuse(field: str, why: str) -> None:
    sys.stderr.write(f"{Settings.model_config['env_prefix']}{field.upper()}: {why}\n")
