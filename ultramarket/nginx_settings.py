"""Settings of nginx, the HTTP server in front of the gateway. Its configuration is made from them."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from services.chassis.runtime.settings import Settings
from ultramarket.up_settings import InvalidSetting


def _networks(value: str) -> str:
    """Addresses and networks, comma-separated. Raises `ValueError` for what is neither."""
    for part in split(value):
        ipaddress.ip_network(part, strict=False)
    return value


def split(value: str) -> list[str]:
    """The parts of a comma-separated setting."""
    return [part.strip() for part in value.split(",") if part.strip()]


Networks = Annotated[str, AfterValidator(_networks)]


class NginxSettings(Settings):
    """Read from the environment; the prefix is `ULTRAMARKET_`."""

    trusted_proxies: Networks = Field(
        "",
        description="addresses and networks of proxies in front of nginx whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` count, comma-separated; empty: none",
    )
    operator_addresses: Networks = Field(
        "127.0.0.0/8,::1",
        description="addresses and networks that may read `/health` and `/metrics` through nginx, comma-separated; "
        "others get 404",
    )
    requests_per_address: int = Field(
        2000,
        ge=1,
        le=1_000_000,
        description="requests in progress of one address (IPv6: of one /64), slow ones included",
    )
    max_header_bytes: int = Field(
        16_384, ge=1024, le=131_072, description="longest request line or header field; all together four times that"
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, le=67_108_864, description="largest body of a request")
    file_max_bytes: int = Field(10_485_760, ge=1024, le=1_073_741_824, description="largest file that is taken")
    client_seconds: int = Field(
        15, ge=1, le=600, description="longest time for a request's header, and longest pause within its body"
    )
    client_reading_seconds: int = Field(60, ge=1, le=3600, description="longest pause of a client that reads a reply")
    gateway_seconds: int = Field(
        90, ge=1, le=3600, description="longest silence of the gateway before nginx replies 504, and streams end"
    )
    gateway_address: str = Field(
        "", pattern=r"^([\w.\-]+:\d+)?$", description="host and port of the gateway; empty: its port of this machine"
    )
    gateway_ws_address: str = Field(
        "",
        pattern=r"^([\w.\-]+:\d+)?$",
        description="host and port of the process of GraphQL subscriptions; empty: its port of this machine",
    )
    name_server: str = Field(
        "",
        pattern=r"^[\w.\-:\[\]]*$",
        description="DNS server that nginx asks again for the gateway's addresses; empty: none",
    )
    nginx_processes: int = Field(1, ge=1, le=64, description="worker processes of nginx")
    nginx_cache_bytes: int = Field(
        134_217_728, ge=0, le=2**40, description="disk for replies to guests that nginx sends again; 0: none"
    )
    compression_level: int = Field(2, ge=0, le=9, description="gzip level of text and JSON; 0: none is compressed")
    hsts_seconds: int = Field(
        31_536_000, ge=0, description="how long browsers use HTTPS only after a reply over it (HSTS); 0: not demanded"
    )
    tls_hosts: str = Field(
        "localhost,127.0.0.1,::1",
        pattern=r"^[\w.\-:*,]*$",
        description="names and addresses in nginx's certificate, comma-separated; empty: no TLS port",
    )
    tls_certificate_file: str = Field(
        "", pattern=r"^[\w./\-]*$", description="certificate chain (PEM); empty: one of the instance's own authority"
    )
    tls_key_file: str = Field("", pattern=r"^[\w./\-]*$", description="its private key (PEM)")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "NginxSettings":
        """The settings of this environment instead of the process's own. Raises `InvalidSetting`."""
        prefix = str(cls.model_config["env_prefix"])
        values = {
            field: environment[name]
            for field in cls.model_fields
            if (name := f"{prefix}{field.upper()}") in environment
        }
        try:
            return cls(_env_prefix="NOT_READ_", **values)  # type: ignore[call-arg, arg-type]
        except ValidationError as invalid:
            error = invalid.errors()[0]
            raise InvalidSetting(str(error["loc"][0]), error["msg"]) from invalid
